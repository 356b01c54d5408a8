#include "backend/readiness.h"

#include <cerrno>

#include "net/socket.h"

namespace skein {

namespace {

std::size_t total(std::span<const Slice> slices) {
  std::size_t bytes = 0;
  for (const Slice& slice : slices) bytes += slice.size;
  return bytes;
}

bool would_block(std::ptrdiff_t result) {
  return result == -EAGAIN || result == -EWOULDBLOCK;
}

}  // namespace

int Readiness::open(BackendEvents& events) {
  events_ = &events;
  return selector_->open();
}

// The one place that tells the kernel what an endpoint waits for. Nothing: it stays in the set until a hangup comes,
// since most pauses are short.
int Readiness::want(Endpoint& endpoint, std::uint32_t wanted) {
  if (endpoint.interest == wanted && (endpoint.watched || wanted == kNone)) return 0;
  int result = 0;
  if (endpoint.watched) {
    result = selector_->modify(endpoint.fd, wanted, endpoint.handle);
  } else if (wanted != kNone) {
    if (endpoint.fd == kNoDescriptor) return -EBADF;
    const bool polled = endpoint.phase == Phase::kPolled;
    if (!polled && !polled_.empty()) expel_closed(endpoint);
    result = selector_->add(endpoint.fd, wanted, endpoint.handle);
    endpoint.watched = result == 0;
    if (polled && result == 0) polled_[endpoint.fd] = endpoint.handle;
  }
  if (result == 0) endpoint.interest = wanted;
  return result;
}

// The kernel gives out a number that is free: if a descriptor of the program's own is listed by it, the program has
// closed that one, and whatever it asks of it later must not reach the newcomer.
void Readiness::expel_closed(const Endpoint& newcomer) {
  const auto place = polled_.find(newcomer.fd);
  if (place == polled_.end()) return;
  Endpoint* closed = events_->find(place->second);
  if (closed != nullptr && closed->phase == Phase::kPolled && closed->fd == newcomer.fd) {
    if (closed->watched && !selector_->forgets_closed()) selector_->remove(closed->fd);
    closed->watched = false;
    closed->interest = kNone;
    closed->fd = kNoDescriptor;
  }
  polled_.erase(place);
}

std::ptrdiff_t Readiness::submit_send(Endpoint& endpoint, std::span<const Slice> slices) {
  // A full socket buffer: the attempt would only cost a call, unless the kernel just said that there is room.
  const bool waiting = (endpoint.interest & kWrite) != 0;
  if (waiting && endpoint.handle != writable_) return 0;
  writable_ = -1;
  std::ptrdiff_t sent = net::send(endpoint.fd, slices);
  if (would_block(sent)) sent = 0;
  if (sent < 0) return sent;
  const bool all = static_cast<std::size_t>(sent) == total(slices);
  const int result = want(endpoint, all ? endpoint.interest & ~kWrite : endpoint.interest | kWrite);
  return result < 0 ? result : sent;
}

int Readiness::connect(Endpoint& endpoint, const Address& address) {
  const int result = net::connect(endpoint.fd, address);
  if (result != -EINPROGRESS) return result;
  const int armed = want(endpoint, kWrite);
  return armed < 0 ? armed : -EINPROGRESS;
}

bool Readiness::close(Endpoint& endpoint, Ending ending) {
  const bool leaves_by_itself = ending != Ending::kLeaveOpen && selector_->forgets_closed();
  if (endpoint.watched && !leaves_by_itself) selector_->remove(endpoint.fd);
  if (ending == Ending::kLeaveOpen && endpoint.watched) polled_.erase(endpoint.fd);
  endpoint.watched = false;
  endpoint.interest = kNone;
  if (ending == Ending::kReset) {
    net::close_with_reset(endpoint.fd);
  } else if (ending == Ending::kClose) {
    net::close(endpoint.fd);
  }
  endpoint.fd = kNoDescriptor;
  return true;
}

bool Readiness::wait(int timeout_ms) {
  const int count = selector_->wait(ready_, timeout_ms);
  // A failed wait (EINTR) brings nothing; the set is level-triggered, so nothing is lost.
  ready_count_ = count > 0 ? static_cast<std::size_t>(count) : 0;
  return ready_count_ > 0;
}

void Readiness::deliver() {
  for (std::size_t i = 0; i < ready_count_; ++i) {
    const auto [handle, what] = ready_[i];
    Endpoint* endpoint = events_->find(handle);
    if (endpoint == nullptr) continue;
    if (endpoint->phase == Phase::kListening) {
      if (endpoint->interest != kNone) accept_some(*endpoint);
      continue;
    }
    if (endpoint->phase == Phase::kConnecting) {
      // The set still has kWrite; the engine begins to receive or closes, and either replaces it.
      endpoint->interest = kNone;
      events_->on_connected(handle, net::connect_error(endpoint->fd));
      continue;
    }
    const std::uint32_t interest = endpoint->interest;
    if (endpoint->phase == Phase::kPolled) {
      const std::uint32_t asked = what & (interest | kHangup);
      if (interest != kNone && asked != kNone) events_->on_ready(handle, asked);
      if (interest == kNone && endpoint->watched) endpoint->watched = selector_->remove(endpoint->fd) != 0;
      continue;
    }
    const bool hangup = (what & kHangup) != 0;
    if ((interest & (kRead | kWrite)) == 0) {
      if (hangup && endpoint->watched) {
        endpoint->watched = selector_->remove(endpoint->fd) != 0;
      }
      continue;
    }
    if ((interest & kRead) != 0 && (hangup || (what & kRead) != 0)) {
      receive_once(handle, endpoint->fd);
      if ((interest & kWrite) == 0) continue;
      endpoint = events_->find(handle);
      if (endpoint == nullptr) continue;
    }
    if ((endpoint->interest & kWrite) != 0 && (hangup || (what & kWrite) != 0)) {
      writable_ = handle;
      events_->on_sent(handle, 0);
      writable_ = -1;
    }
  }
  ready_count_ = 0;
}

void Readiness::accept_some(Endpoint& listener) {
  const Handle handle = listener.handle;
  const Descriptor fd = listener.fd;
  Address peer;
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    const Descriptor accepted = net::accept(fd, peer);
    if (accepted >= 0) {
      if (!events_->on_accept(handle, accepted, peer)) return;
      continue;
    }
    switch (const int error = static_cast<int>(-accepted); error) {
      case EAGAIN:
#if EWOULDBLOCK != EAGAIN
      case EWOULDBLOCK:
#endif
        events_->on_accept_end(handle, 0, true);
        return;
      // The connection died in the backlog, or accept(2) reports the network's errors of a pending one: go on.
      case ECONNABORTED:
      case EPROTO:
      case EPERM:
      case ENETDOWN:
      case ENOPROTOOPT:
      case EHOSTUNREACH:
      case ENETUNREACH:
      case EOPNOTSUPP:
      case ETIMEDOUT:
#if defined(__linux__)
      case EHOSTDOWN:
      case ENONET:
#endif
        continue;
      default:
        events_->on_accept_end(handle, error, false);
        return;
    }
  }
}

void Readiness::receive_once(Handle handle, Descriptor fd) {
  const std::span<std::uint8_t> window = events_->receive_window(handle);
  if (window.empty()) {
    Endpoint* endpoint = events_->find(handle);
    if (endpoint != nullptr) want(*endpoint, endpoint->interest & ~kRead);
    return;
  }
  const std::ptrdiff_t received = net::receive(fd, window);
  if (!would_block(received)) events_->on_received(handle, received);
}

}  // namespace skein
