// The seam between the engine and a kernel interface. It is completion-based: the engine asks for an operation and is
// told that it is done.
//
//          Engine ── arm_accept, arm_receive, connect, submit_send, arm_poll, close ──▶ Backend
//          Engine ◀── on_accept, on_received, on_connected, on_sent, on_ready, on_closed ── Backend
//
// Threads: everything happens on the loop's thread, but wait(), which a waiter thread may call while the loop's thread
// does not call deliver(), and wake(), which any thread may call.
// Memory: the backend asks for a place to receive into just before it has bytes; bytes to send stay valid until on_sent
// (or on_closed) when submit_send said kInFlight, else only during the call.
// An Endpoint is the engine's; the backend keeps handles only, and asks for the endpoint again after each event it
// reported, since the program may have closed it meanwhile. What it must remember for one goes into the endpoint's
// notes, 16 bytes of its own. At most one send is in flight for each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "backend/ending.h"
#include "backend/interest.h"
#include "engine/endpoint.h"
#include "engine/slice.h"
#include "net/address.h"

namespace skein {

class BackendEvents {
 public:
  // The endpoint of a handle, nullptr when it is stale or its descriptor closed.
  virtual Endpoint* find(Handle handle) = 0;
  // A descriptor was accepted and is the engine's now. False: accept no more in this turn.
  virtual bool on_accept(Handle listener, Descriptor fd, const Address& peer) = 0;
  // accept() failed with a positive errno; `drained` tells that the backlog is empty (errno is 0 then).
  virtual void on_accept_end(Handle listener, int error, bool drained) = 0;
  virtual void on_connected(Handle handle, int error) = 0;
  // Where the next bytes go. Empty: receive no more until arm_receive. May run the program.
  virtual std::span<std::uint8_t> receive_window(Handle handle) = 0;
  // `result` bytes are in the window; 0 is the peer's FIN; negative is an errno.
  virtual void on_received(Handle handle, std::ptrdiff_t result) = 0;
  // A send ended (`result` bytes, or a negative errno), or, with 0, the kernel takes bytes again.
  virtual void on_sent(Handle handle, std::ptrdiff_t result) = 0;
  // A polled descriptor is ready for `what`.
  virtual void on_ready(Handle handle, std::uint32_t what) = 0;
  // The kernel reports an error or the end of both directions, while nobody waits for bytes or for room.
  virtual void on_hangup(Handle handle) = 0;
  // What close() left in flight has ended.
  virtual void on_closed(Handle handle) = 0;

 protected:
  ~BackendEvents() = default;
};

class Backend {
 public:
  static constexpr std::ptrdiff_t kInFlight = std::ptrdiff_t{1} << 62;

  // Ends what is in flight and reports nothing; memory of the engine is not touched afterwards.
  virtual ~Backend() = default;
  virtual const char* name() const = 0;
  // 0 or a negative errno. `events` outlives the backend's use.
  virtual int open(BackendEvents& events) = 0;

  // 0 or a negative errno. Accepting goes on until it is disarmed, receiving until an empty window or the peer's FIN;
  // arming again costs nothing. There is no disarm_receive: a program that pauses and resumes in one turn, or closes
  // after the FIN, costs no system call.
  virtual int arm_accept(Endpoint& listener) = 0;
  virtual int disarm_accept(Endpoint& listener) = 0;
  virtual int arm_receive(Endpoint& endpoint) = 0;
  // 0 when the connection stands, -EINPROGRESS when on_connected will follow, or another negative errno.
  virtual int connect(Endpoint& endpoint, const Address& address) = 0;
  // Reports on_ready in every turn in which the descriptor is ready for some of `interest`; kNone pauses that.
  virtual int arm_poll(Endpoint& endpoint, std::uint32_t interest) = 0;
  // Whether submit_send is done with the bytes when it returns, always.
  virtual bool sends_inline() const = 0;
  // Bytes taken at once (fewer than asked: on_sent(0) follows when there is room), a negative errno, or kInFlight.
  virtual std::ptrdiff_t submit_send(Endpoint& endpoint, std::span<const Slice> slices) = 0;
  // Ends every operation on the descriptor and closes it; the endpoint's descriptor is void. False: the kernel has not
  // let go of everything yet; on_closed follows, and until then the endpoint keeps its slot, and a send its bytes.
  virtual bool close(Endpoint& endpoint, Ending ending) = 0;

  // A backend may gather requests: whether it holds some, and hand them to the kernel, as the engine asks at the end of
  // each turn and before the loop sleeps. A negative errno when the kernel takes none now: the backend holds them, and
  // the engine asks again after a pause.
  virtual bool holds_requests() const { return false; }
  virtual int submit() { return 0; }

  // Said before the first wait() when a thread other than the loop's is going to call it.
  virtual void expect_waiter_thread() {}
  // Waits at most `timeout_ms` (-1: for ever) and keeps what came: 1 when something did, 0 when nothing did (also when
  // a signal ended it), or a negative errno.
  virtual int wait(int timeout_ms) = 0;
  // Reports what wait() kept. May run the program.
  virtual void deliver() = 0;
  // Whether deliver() would report more, as far as can be told without a system call. The engine delivers again then, a
  // few times in a turn.
  virtual bool has_more() const { return false; }
  // Ends a wait() under way, or the next one.
  virtual void wake() = 0;
  // A descriptor that is readable when wait(0) would bring something, -1 when there is none.
  virtual int pollable_descriptor() const = 0;
};

}  // namespace skein
