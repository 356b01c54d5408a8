#include "backend/readiness.h"

#include <cerrno>
#include <utility>

#include "net/errno_table.h"
#include "net/socket.h"

namespace skein {

using net::is_shortage;
using net::Meaning;
using net::would_block;

int Readiness::open(BackendEvents& events) {
  events_ = &events;
  return selector_->open();
}

// The one place that tells the kernel what an endpoint waits for. Nothing: it stays in the set until a hangup comes,
// since most pauses are short.
int Readiness::want(Endpoint& endpoint, std::uint32_t wanted) {
  Notes& notes = notes_of(endpoint);
  if (notes.interest == wanted && (notes.watched || wanted == kNone)) return 0;
  int result = 0;
  if (notes.watched) {
    result = selector_->modify(endpoint.fd, wanted, endpoint.handle);
  } else if (wanted != kNone) {
    if (endpoint.fd == kNoDescriptor) return -EBADF;
    const bool polled = endpoint.phase == Phase::kWatching;
    if (!polled) {
      if (Endpoint* closed = polled_.closed_before(endpoint, *events_)) expel(*closed);
    }
    result = selector_->add(endpoint.fd, wanted, endpoint.handle);
    notes.watched = result == 0;
    if (polled && result == 0) polled_.add(endpoint);
  }
  if (result == 0) notes.interest = wanted;
  return result;
}

void Readiness::expel(Endpoint& closed) {
  Notes& notes = notes_of(closed);
  if (notes.watched && !close_removes()) selector_->remove(closed.fd);
  notes = Notes{};
  closed.fd = kNoDescriptor;
}

std::ptrdiff_t Readiness::submit_send(Endpoint& endpoint, std::span<const Slice> slices) {
  // A full socket buffer: the attempt would only cost a call, unless the kernel just said that there is room.
  const Notes& notes = notes_of(endpoint);
  const bool waiting = (notes.interest & kWrite) != 0;
  if (waiting && endpoint.handle != writable_) return 0;
  writable_ = -1;
  std::ptrdiff_t sent = net::send(endpoint.fd, slices);
  if (would_block(sent)) sent = 0;
  if (sent < 0) {
    // The engine tries again after a pause: until then, room in the buffer says nothing.
    if (waiting && is_shortage(net::Call::kSend, sent)) want(endpoint, notes.interest & ~kWrite);
    return sent;
  }
  const bool all = static_cast<std::size_t>(sent) == total_size(slices);
  const int result = want(endpoint, all ? notes.interest & ~kWrite : notes.interest | kWrite);
  if (result >= 0 || all) return sent;
  // What is sent is sent: that nobody waits for room is reported in the next turn, as a send that failed.
  if (sent == 0) return result;
  refused_.push_back({endpoint.handle, kWrite, -result});
  selector_->wake();
  return sent;
}

int Readiness::connect(Endpoint& endpoint, const Address& address) {
  const int result = net::connect(endpoint.fd, address);
  if (result != -EINPROGRESS) return result;
  const int armed = want(endpoint, kWrite);
  return armed < 0 ? armed : -EINPROGRESS;
}

// The descriptor is the program's, and may be of any kind: whether the kernel takes it must show now.
int Readiness::arm_poll(Endpoint& endpoint, std::uint32_t interest) {
#if defined(_WIN32)
  // select() takes nothing but sockets, and what a program has are numbers of the C runtime.
  return -ENOTSUP;
#endif
  const int result = want(endpoint, interest);
  if (result < 0) return result;
  std::vector<Ready> refused;
  selector_->submit(refused);
  for (const Ready& change : refused) {
    if (change.handle == endpoint.handle) return -change.error;
    refused_.push_back(change);
  }
  if (!refused_.empty()) selector_->wake();
  return 0;
}

bool Readiness::close(Endpoint& endpoint, Ending ending) {
  const bool leaves_by_itself = ending != Ending::kLeaveOpen && !endpoint.shared && close_removes();
  Notes& notes = notes_of(endpoint);
  if (notes.watched && !leaves_by_itself) selector_->remove(endpoint.fd);
  if (ending == Ending::kLeaveOpen && notes.watched) polled_.remove(endpoint);
  notes = Notes{};
  close_as(endpoint.fd, ending);
  endpoint.fd = kNoDescriptor;
  return true;
}

int Readiness::wait(int timeout_ms) {
  const int count = selector_->wait(ready_, timeout_ms);
  ready_count_ = count > 0 ? static_cast<std::size_t>(count) : 0;
  if (count < 0) return net::meaning_of(net::Call::kWait, -count) == Meaning::kInterrupted ? 0 : count;
  return count > 0 ? 1 : 0;
}

// Changes that the kernel has refused: the endpoint is not waited for, and would hear of nothing more.
void Readiness::deliver_refused() {
  for (const auto& [handle, what, error] : std::exchange(refused_, {})) {
    Endpoint* endpoint = events_->find(handle);
    if (endpoint == nullptr) continue;
    Notes& notes = notes_of(*endpoint);
    if ((what & kRead) != 0) notes.interest &= ~kRead;
    if ((what & kWrite) != 0) notes.interest &= ~kWrite;
    switch (endpoint->phase) {
      case Phase::kListening:
        events_->on_accept_end(handle, error, false);
        break;
      case Phase::kConnecting:
        events_->on_connected(handle, error);
        break;
      case Phase::kWatching:
        events_->on_ready(handle, kHangup);
        break;
      default:
        if ((what & kRead) != 0) {
          events_->on_received(handle, -error);
        } else {
          events_->on_sent(handle, -error);
        }
    }
  }
}

int Readiness::submit() {
  const int result = selector_->submit(refused_);
  if (!refused_.empty()) selector_->wake();
  // Changes that never reached the kernel are still held.
  return selector_->holds_changes() ? result : 0;
}

void Readiness::deliver() {
  if (!refused_.empty()) [[unlikely]]
    deliver_refused();
  for (std::size_t i = 0; i < ready_count_; ++i) {
    const auto [handle, what, error] = ready_[i];
    Endpoint* endpoint = events_->find(handle);
    if (endpoint == nullptr) continue;
    Notes& notes = notes_of(*endpoint);
    if (error != 0) notes.broken = error;
    if (endpoint->phase == Phase::kListening) {
      if (notes.interest != kNone) accept_some(*endpoint);
      continue;
    }
    if (endpoint->phase == Phase::kConnecting) {
      // The set still has kWrite; the engine begins to receive or closes, and either replaces it.
      notes.interest = kNone;
      events_->on_connected(handle, notes.broken != 0 ? notes.broken : net::connect_error(endpoint->fd));
      continue;
    }
    const std::uint32_t interest = notes.interest;
    if (endpoint->phase == Phase::kWatching) {
      const std::uint32_t asked = what & (interest | kHangup);
      if (interest != kNone && asked != kNone) events_->on_ready(handle, asked);
      if (interest == kNone && notes.watched) notes.watched = selector_->remove(endpoint->fd) != 0;
      continue;
    }
    const bool hangup = (what & kHangup) != 0;
    if ((interest & (kRead | kWrite)) == 0) {
      if (!hangup) continue;
      if (notes.watched) notes.watched = selector_->remove(endpoint->fd) != 0;
      events_->on_hangup(handle);
      continue;
    }
    if ((interest & kRead) != 0 && (hangup || (what & kRead) != 0)) {
      receive_once(handle, endpoint->fd, notes.broken);
      if ((interest & kWrite) == 0) continue;
      endpoint = events_->find(handle);
      if (endpoint == nullptr) continue;
    }
    if ((notes_of(*endpoint).interest & kWrite) != 0 && (hangup || (what & kWrite) != 0)) {
      writable_ = handle;
      events_->on_sent(handle, -notes_of(*endpoint).broken);
      writable_ = -1;
    }
  }
  ready_count_ = 0;
}

void Readiness::accept_some(Endpoint& listener) {
  const Handle handle = listener.handle;
  const Descriptor fd = listener.fd;
  Address peer;
  int error = 0;
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    const Descriptor accepted = net::accept(fd, peer);
    if (accepted >= 0) {
      error = 0;
      if (!events_->on_accept(handle, accepted, peer)) return;
      continue;
    }
    if (would_block(accepted)) {
      events_->on_accept_end(handle, 0, true);
      return;
    }
    error = static_cast<int>(-accepted);
    if (net::meaning_of(net::Call::kAccept, error) != Meaning::kPeerGone) break;
  }
  // Also when a whole turn's accepts failed in a row: the listener would take all the processor's time.
  if (error != 0) events_->on_accept_end(handle, error, false);
}

void Readiness::stop_reading(Handle handle) {
  if (Endpoint* endpoint = events_->find(handle)) want(*endpoint, notes_of(*endpoint).interest & ~kRead);
}

void Readiness::receive_once(Handle handle, Descriptor fd, int broken) {
  const std::span<std::uint8_t> window = events_->receive_window(handle);
  if (window.empty()) {
    stop_reading(handle);
    return;
  }
  std::ptrdiff_t received = net::receive(fd, window);
  if (broken != 0 && (received == 0 || would_block(received))) received = -broken;
  if (would_block(received)) return;
  if (is_shortage(net::Call::kReceive, received)) stop_reading(handle);
  events_->on_received(handle, received);
}

}  // namespace skein
