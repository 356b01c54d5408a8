// The engine: connections, listeners and watches over a backend, told to the layer above in batches.
//
//     turn():   backend.wait ─▶ deliver ─▶ receive into the arena ─▶ records ◀──────────┐ a few times, when
//                                            │ records or arena full: dispatch early       │ the backend has more
//                                            ▼                                             │
//     settle(): ┌▶ flush outboxes ─▶ records? ─▶ dispatch to the program ─┐ (a few rounds) ┘
//               └─────────────────────────────────────────────────────────┘
//               free the slots of what was closed, hand over what the backend has gathered
//
// Everything happens on the loop's thread. The program calls in at any time, also while it is being dispatched to; such
// a call changes state and outboxes only, and its effects come as records later: no callback runs inside a call.
// Every loop has a bound: events a turn, bytes a receive, bytes a flush, rounds a settle.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "backend/backend.h"
#include "engine/arena.h"
#include "engine/completions.h"
#include "engine/handle_table.h"
#include "engine/outbox.h"
#include "engine/retries.h"
#include "engine/stats.h"

namespace skein {

// The layer above.
class Program {
 public:
  // Read `records` records. False: the program can run no more (its environment is going away).
  virtual bool dispatch(std::size_t records) = 0;
  // There is something to settle though no turn is under way. May be called often.
  virtual void settle_soon() = 0;

 protected:
  ~Program() = default;
};

struct Memory {
  std::span<std::int32_t> completions;
  std::span<std::uint8_t> arena;
};

class Engine final : private BackendEvents {
 public:
  Engine(std::unique_ptr<Backend> backend, Program& program, Memory memory);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // 0 or a negative errno; nothing else may be called before it succeeded.
  int open() { return backend_->open(*this); }
  Backend& backend() { return *backend_; }

  // --- for the program; a stale handle is ignored (-1 or -EBADF where there is a result) ---

  // A handle or a negative errno.
  int listen(const Address& address, int backlog, bool reuse_port);
  int connect(const Address& address, const Address* bind_to);
  // Takes over a stream socket of the program's that listens or is connected; `shared`: somebody else may have it, too.
  // A handle of a listener that accepts, or of a connection that reads; or a negative errno, and the socket stays the
  // program's.
  int adopt(Descriptor fd, bool shared);
  void resume_accept(Handle handle);
  // Copies `bytes`, or hands them to the kernel at once. Returns what waits in the outbox now.
  std::int64_t write(Handle handle, std::span<const std::uint8_t> bytes);
  void close(Handle handle);
  void abort(Handle handle);
  void shutdown_write(Handle handle);
  void pause_reading(Handle handle);
  void resume_reading(Handle handle);
  // Finds out whether the peer has reset a connection that is paused: it is lost then, and what is unread with it.
  void probe(Handle handle);
  // Watches a descriptor that stays the program's: kReady comes in every turn in which it is ready. A handle or a
  // negative errno. abort() ends it and leaves the descriptor open.
  int poll(Descriptor fd, std::uint32_t interest);
  // 0 or a negative errno.
  int set_interest(Handle handle, std::uint32_t interest);
  void notify_drain(Handle handle, bool on);
  // All that the connection sends and receives from now on goes through the filter, but for what was written before.
  // Set it before the peer's first byte may come: right after connect(), or for accepted connections at the listener;
  // later only when the peer waits for us (STARTTLS). False when the handle is stale or the connection ends.
  bool set_filter(Handle handle, std::unique_ptr<Filter> filter);
  bool set_filter_maker(Handle handle, FilterMaker* maker);
  // Wire bytes that were told as plain ones, and belong to the filter that was set since: a ClientHello that came with
  // the header of a proxy. The filter gets them before anything that is received later.
  void unread(Handle handle, std::span<const std::uint8_t> wire);
  // Also of a connection that has just been lost, until its record was read. nullptr when there is none.
  Filter* filter(Handle handle);
  // What a filter waited for is there.
  void resume_filter(Handle handle);
  // The descriptor, for addresses and options; kNoDescriptor when stale.
  Descriptor descriptor(Handle handle);
  // Closes what has lingered through two sweeps; returns how many linger still.
  std::size_t sweep_lingering();
  // Send what was written now, instead of at the end of the turn.
  void flush();

  // --- for the driver ---

  // Take what the backend has, waiting at most `timeout_ms`, and settle.
  void turn(int timeout_ms);
  // The same for what a waiter thread's wait() has kept, which returned `waited`.
  void deliver(int waited);
  // Flush, try again what is due, and dispatch what came of it.
  void settle();
  bool needs_settle() const {
    return !dirty_.empty() || !completions_.empty() || !stashed_.empty() ||
           (!submitting_.active() && backend_->holds_requests());
  }
  // Whether due_in_ms() or pause_ms() has something to say.
  bool is_troubled() const { return !retries_.empty() || submitting_.active() || waiting_.active(); }
  // In how many milliseconds settle() must be called at the latest; -1 when nothing waits for its time.
  int due_in_ms() const;
  // For how many milliseconds the driver must not wait, since wait() failed; 0 when it may.
  int pause_ms() const;
  // A test's own time.
  void set_clock(Clock clock) { clock_ = clock; }

  Stats stats() const { return stats_; }
  std::uint64_t blocks_allocated() const { return pool_.allocated(); }

 private:
  Endpoint* find(Handle handle) override;
  bool on_accept(Handle listener, Descriptor fd, const Address& peer) override;
  void on_accept_end(Handle listener, int error, bool drained) override;
  void on_connected(Handle handle, int error) override;
  std::span<std::uint8_t> receive_window(Handle handle) override;
  void on_received(Handle handle, std::ptrdiff_t result) override;
  void on_sent(Handle handle, std::ptrdiff_t result) override;
  void on_ready(Handle handle, std::uint32_t what) override;
  void on_hangup(Handle handle) override;
  void on_closed(Handle handle) override;

  // Whether the program may still use its handle.
  static bool is_live(const Endpoint& endpoint) {
    return endpoint.phase != Phase::kLingering && endpoint.phase != Phase::kClosed;
  }
  // The record of a handle that the program may still use, nullptr when there is none of this kind.
  template <typename Record>
  Record* live(Handle handle) {
    Record* record = table_.find<Record>(handle);
    return record != nullptr && is_live(*record) ? record : nullptr;
  }
  template <typename Record>
  Record* add(Descriptor fd, Phase phase);
  Connection* add_connection(Descriptor fd, Phase phase);
  // What was written, and the kernel has not taken.
  static std::size_t unsent(const Connection& connection) {
    return connection.outbox.pending() + (connection.stage != nullptr ? connection.stage->sealed.pending() : 0);
  }
  static bool says_last_words(const Connection& connection) {
    return connection.phase == Phase::kLingering && connection.stage != nullptr && !connection.shut;
  }
  void clear_outboxes(Connection& connection) {
    connection.outbox.clear(pool_);
    if (connection.stage != nullptr) connection.stage->sealed.clear(pool_);
  }
  std::span<std::uint8_t> lingering_window(const Connection& connection) {
    return connection.reading ? std::span<std::uint8_t>(unwanted_) : std::span<std::uint8_t>();
  }
  void begin_turn();
  void run_program();
  void end_turn();
  bool dispatch();
  bool dispatch_early();
  void mark_dirty(Connection& connection);
  void send_pending(Connection& connection);
  void send_failed(Connection& connection, int error);
  void receive_failed(Connection& connection, int error);
  void arm_receive(Connection& connection);
  void retry_due();
  void submit();
  void note(Backoff& backoff, int result);
  void send_outbox(Connection& connection, Outbox& outbox, std::size_t& budget);
  // And does what waits for an empty outbox: the end of this side, the close.
  void send_all(Connection& connection);
  std::size_t send_directly(Connection& connection, std::span<const std::uint8_t> bytes);
  void outbox_emptied(Connection& connection);
  void finish_close(Connection& connection);
  void linger(Connection& connection);
  void trim_lingering();
  bool end_oldest_lingering();
  void fail(Endpoint& endpoint, int error);
  void end(Endpoint& endpoint, int error, CloseReason reason, Ending ending);
  void release(Endpoint& endpoint, Ending ending);
  void settle_if_needed();
  void report_closed(Handle handle, int error, CloseReason reason);
  void resume_paused_listeners();

  // filtering.cc
  std::span<std::uint8_t> wire_window(Connection& connection);
  void on_wire_received(Connection& connection, std::ptrdiff_t result);
  void open_wire(Handle handle, std::span<const std::uint8_t> wire);
  void end_wire(Connection& connection);
  bool resume_wire(Connection& connection);
  void unstash();
  void send_sealed(Connection& connection);
  bool close_filter(Connection& connection);
  void fail_filter(Connection& connection, int error);
  bool begin_filter(Connection& connection, std::unique_ptr<Filter> filter);
  void tell_events(Connection& connection);
  void list_stashed(Connection& connection);
  void resume_postponed();
  // Whether the filter is to take wire bytes.
  static bool wants_wire(const Connection& connection) {
    const Filter& filter = *connection.stage->filter;
    return !filter.waits() && (connection.reading || !filter.established());
  }
  void end_lingering_side(Connection& connection);

  static constexpr std::size_t kReadBytesMin = 1024;
  static constexpr std::size_t kReadBytesMax = 32 * 1024;
  // Above it a write goes to the kernel at once, without a copy.
  static constexpr std::size_t kDirectBytes = 4096;
  // A program that writes more than this in one turn starts sending before the turn ends.
  static constexpr std::size_t kHeldBytes = 64 * 1024;
  static constexpr std::size_t kSlicesPerSend = 64;
  static constexpr std::size_t kFlushBytes = 4 * 1024 * 1024;
  static constexpr int kRoundsPerSettle = 8;
  // A reply may bring the peer's next message at once: what has_more() shows without a system call joins this turn.
  static constexpr int kDeliveriesPerTurn = 4;
  // A handshake takes half a millisecond: of more in a turn, the rest waits for the next, so that others have theirs.
  static constexpr int kHandshakesPerTurn = 4;
  static constexpr std::uint8_t kSweepsToLinger = 2;
  // More than these do not linger at once: the oldest are closed.
  static constexpr std::size_t kLingeringMost = 1024;
  // So many lingering ones are closed when accept() is out of descriptors.
  static constexpr int kLingeringYielded = 64;

  std::unique_ptr<Backend> backend_;
  Program& program_;
  Completions completions_;
  Arena arena_;
  BlockPool pool_;
  HandleTable table_;
  std::vector<Handle> dirty_;
  std::vector<Handle> flushing_;
  std::vector<Handle> closed_;            // slots to free once all records were read
  std::vector<Handle> paused_listeners_;  // out of descriptors
  std::deque<Handle> lingering_;          // the oldest first, and some that have closed since
  std::vector<Handle> stashed_;           // wire bytes of theirs are wanted again
  std::unique_ptr<WireBuffers> wire_;     // once there is a filter
  std::vector<Handle> postponed_;         // whose handshakes wait for the next turn
  int handshakes_ = 0;                    // steps of handshakes in this turn
  Retries retries_;                       // connections in a shortage
  Backoff waiting_;                       // wait() fails
  Backoff submitting_;                    // the backend cannot hand over what it has gathered
  Clock clock_ = steady_ms;
  Stats stats_;
  std::span<std::uint8_t> window_;                // of the receive under way
  std::array<std::uint8_t, 16 * 1024> unwanted_;  // where lingering connections receive
  bool in_turn_ = false;
  bool short_of_descriptors_ = false;
  bool stopped_ = false;  // the program can run no more
};

}  // namespace skein
