// Completions by io_uring(7), Linux 6.1 and newer.
//
//     accept, receive      multishot: asked for once, completed again and again without a system call. Of a connection
//                          that sends much, a poll request and recv(2): what is not wanted yet stays in the kernel
//     send                 send(2) at once, which costs less than a request; what the kernel does not take waits for a
//                          poll request
//     connect              connect(2), then a poll request
//
//  a. Each endpoint has at most one request of each kind in flight, and wants some kinds (Notes).
//     A request that ends while it is still wanted is made again; one that is not wanted any more is cancelled.
//  b. A multishot receive takes all that has come, however much is wanted. What comes after the engine stopped reading,
//     or beyond a turn's share, is held until it goes on; the receive is cancelled, and the connection is polled from
//     then on, until it sends little. All connections together hold kHeldMost and what the buffers hold, at most: above
//     kHeldMost the kernel is given no buffers, and every connection that has bytes is polled.
//  c. A request in flight keeps its socket open, so what an endpoint has in flight is cancelled before it is closed.
//     The completions of what was cancelled come later, and the endpoint keeps its slot until then.
//  d. While a turn lasts, the ring tells of what comes in shared memory only, and the engine delivers again: an answer
//     and the next message need no wakeup between them.
//  e. A ring keeps the rights of the process that made it (CVE-2024-22017): drop privileges before making a reactor.
#pragma once

#include <unordered_map>
#include <vector>

#include "backend/backend.h"
#include "backend/polled_descriptors.h"
#include "backend/uring/buffers.h"
#include "backend/uring/ring.h"

namespace skein::uring {

class Uring final : public Backend {
 public:
  ~Uring() override;

  const char* name() const override { return "io_uring"; }
  int open(BackendEvents& events) override;
  int arm_accept(Endpoint& listener) override;
  int disarm_accept(Endpoint& listener) override;
  int arm_receive(Endpoint& endpoint) override;
  int connect(Endpoint& endpoint, const Address& address) override;
  int arm_poll(Endpoint& endpoint, std::uint32_t interest) override;
  bool sends_inline() const override { return true; }
  std::ptrdiff_t submit_send(Endpoint& endpoint, std::span<const Slice> slices) override;
  bool close(Endpoint& endpoint, Ending ending) override;
  bool holds_requests() const override { return ring_.held() > 0 || !resumed_.empty() || !polled_.empty(); }
  int submit() override;
  int wait(int timeout_ms) override;
  void deliver() override;
  bool has_more() const override { return room_ > 0 && ring_.has_more(); }
  void wake() override { ring_.wake(); }
  int pollable_descriptor() const override { return ring_.event(); }

 private:
  // Kinds of requests: bits of Notes::in_flight and Notes::interest.
  enum Kind : std::uint32_t { kAccept = 1, kReceive = 2, kWritable = 4, kPoll = 8 };

  // What is kept for each endpoint.
  struct Notes {
    std::uint32_t interest;       // the kinds it wants; above them, what a polled descriptor is polled for
    std::uint32_t in_flight;      // the kinds in flight; above them, those that are being cancelled
    std::uint32_t turn;           // the delivery in which it received the following
    std::uint32_t received : 31;  // bytes; of a listener, accepts that failed in a row
    std::uint32_t heavy : 1;      // it has sent more than was wanted: such a one is polled, and receives once a turn
  };
  static Notes& notes_of(Endpoint& endpoint) { return endpoint.notes<Notes>(); }

  // What came while nobody read.
  struct Held {
    std::vector<std::uint8_t> bytes;
    std::size_t taken = 0;  // of these, what the engine has
    bool ended = false;
    std::int32_t end = 0;  // how: 0 or a negative errno
  };

  void want(Endpoint& endpoint, Kind kind);
  void start(Endpoint& endpoint, Kind kind);
  void expel(Endpoint& closed);
  void stop(Endpoint& endpoint, Kind kind);
  void cancel(Endpoint& endpoint, Kind kind);
  void take();
  void completed(const Completion& completion);
  bool drop_completions();
  void drop(Kind kind, const Completion& completion);
  void accepted(Handle handle, const Completion& completion);
  void received(Handle handle, const Completion& completion);
  bool receive_once(Handle handle);
  void became_writable(Handle handle, std::int32_t result);
  void polled(Handle handle, std::int32_t result);
  std::size_t hand_over(Handle handle, std::span<const std::uint8_t> bytes, bool follows);
  std::size_t absorb(Endpoint& endpoint, std::span<std::uint8_t> window);
  bool hand_over_end(Handle handle, std::int32_t end);
  void hold(Handle handle, std::span<const std::uint8_t> bytes);
  void keep(Held& held, Held&& rest);
  void resume_held();
  void poll_again();

  // Events of one turn: bounds the time until libuv gets its own.
  static constexpr int kEventsPerTurn = 128;
  // Of one connection, so that none starves another.
  static constexpr std::size_t kBytesPerTurn = 32 * 1024;
  // Of all connections.
  static constexpr std::size_t kHeldMost = 4 * 1024 * 1024;

  BackendEvents* events_ = nullptr;
  Buffers buffers_;  // used by the ring, which goes first
  Ring ring_;
  bool opened_ = false;
  int failed_ = 0;             // what the latest delivery's enter() failed with: a negative errno
  std::uint32_t turn_ = 0;     // counts deliveries
  int room_ = kEventsPerTurn;  // events that may still be reported in this turn
  Handle writable_ = -1;       // the endpoint whose readiness to be written to is being delivered
  std::unordered_map<Handle, Held> held_;
  std::size_t held_bytes_ = 0;                     // the memory that these take
  std::unordered_map<Handle, Endpoint*> closing_;  // closed, with something in flight
  std::vector<Handle> resumed_;                    // held bytes are wanted again
  PolledDescriptors polled_fds_;
  std::vector<Handle> polled_;    // to be polled again, in the next turn
  std::vector<Handle> accepted_;  // listeners that accepted all who waited in this turn
};

// "" when io_uring works here, else why not.
std::string probe();

}  // namespace skein::uring
