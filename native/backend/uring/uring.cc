// Longer than most files here: requests and their completions are two halves of one state machine for each endpoint.
#include "backend/uring/uring.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "engine/check.h"
#include "net/errno_table.h"
#include "net/socket.h"

namespace skein::uring {

namespace {

// Where the upper halves of Notes::interest and Notes::in_flight begin.
constexpr int kShift = 16;
constexpr std::uint32_t kKinds = (1u << kShift) - 1;
// As many bits as Notes::received has.
constexpr std::uint32_t kReceivedMask = 0x7fffffff;
// user_data of requests whose completion says nothing.
constexpr std::uint64_t kNobody = ~std::uint64_t{0};

constexpr std::uint64_t user_data_of(Handle handle, std::uint32_t kind) {
  return std::uint64_t{kind} << 32 | static_cast<std::uint32_t>(handle);
}

}  // namespace

int Uring::open(BackendEvents& events) {
  events_ = &events;
  if (const int result = ring_.open(); result < 0) return result;
  if (const int result = buffers_.open(ring_); result < 0) return result;
  opened_ = true;
  return 0;
}

Uring::~Uring() {
  if (!opened_) return;
  ring_.enter();
  SyncCancel everything{};
  everything.fd = -1;
  everything.flags = kCancelAny | kCancelAll;
  everything.seconds = -1;
  everything.nanoseconds = -1;
  ring_.register_with(kSyncCancel, &everything, 1);
  // What found no room in the ring comes into it once there is some.
  do {
    ring_.enter();
  } while (drop_completions());
}

// Whether there were any.
bool Uring::drop_completions() {
  bool any = false;
  while (const Completion* completion = ring_.peek()) {
    const bool accept = completion->user_data != kNobody && completion->user_data >> 32 == kAccept;
    if (accept && completion->result >= 0) net::close_with_reset(completion->result);
    ring_.seen();
    any = true;
  }
  return any;
}

// --- requests --------------------------------------------------------------------------------------------------------

void Uring::want(Endpoint& endpoint, Kind kind) {
  Notes& notes = notes_of(endpoint);
  if (kind != kPoll && (notes.in_flight & kKinds) == 0) {
    if (Endpoint* closed = polled_fds_.closed_before(endpoint, *events_)) expel(*closed);
  }
  notes.interest |= kind;
  if ((notes.in_flight & kind) == 0) start(endpoint, kind);
}

void Uring::expel(Endpoint& closed) {
  stop(closed, kPoll);
  notes_of(closed).interest = kNone;
  closed.fd = kNoDescriptor;
  if ((notes_of(closed).in_flight & kKinds) != 0) closing_.emplace(closed.handle, &closed);
}

void Uring::start(Endpoint& endpoint, Kind kind) {
  Notes& notes = notes_of(endpoint);
  Request& request = ring_.next();
  request.fd = endpoint.fd;
  request.user_data = user_data_of(endpoint.handle, kind);
  switch (kind) {
    case kAccept:
      request.operation = kOpAccept;
      request.priority = kAcceptMultishot;
      request.operation_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
      break;
    case kReceive:
      if (notes.heavy || buffers_.withheld()) {
        request.operation = kOpPollAdd;
        request.operation_flags = POLLIN;
        break;
      }
      request.operation = kOpReceive;
      request.priority = kReceiveMultishot;
      request.flags = kSelectBuffer;
      request.buffer_group = Buffers::kGroup;
      break;
    case kWritable:
      request.operation = kOpPollAdd;
      request.operation_flags = POLLOUT;
      break;
    case kPoll: {
      const std::uint32_t asked = notes.interest >> kShift;
      request.operation = kOpPollAdd;
      request.operation_flags = ((asked & kRead) != 0 ? POLLIN : 0u) | ((asked & kWrite) != 0 ? POLLOUT : 0u);
      break;
    }
  }
  notes.in_flight |= kind;
}

void Uring::stop(Endpoint& endpoint, Kind kind) {
  Notes& notes = notes_of(endpoint);
  notes.interest &= ~std::uint32_t{kind};
  cancel(endpoint, kind);
}

void Uring::cancel(Endpoint& endpoint, Kind kind) {
  Notes& notes = notes_of(endpoint);
  const std::uint32_t cancelling = std::uint32_t{kind} << kShift;
  if ((notes.in_flight & kind) == 0 || (notes.in_flight & cancelling) != 0) return;
  Request& request = ring_.next();
  request.operation = kOpAsyncCancel;
  request.flags = kSkipSuccess;
  request.address = user_data_of(endpoint.handle, kind);
  request.user_data = kNobody;
  notes.in_flight |= cancelling;
}

int Uring::arm_accept(Endpoint& listener) {
  want(listener, kAccept);
  return 0;
}

int Uring::disarm_accept(Endpoint& listener) {
  stop(listener, kAccept);
  return 0;
}

int Uring::arm_receive(Endpoint& endpoint) {
  Notes& notes = notes_of(endpoint);
  if (!held_.contains(endpoint.handle)) {
    want(endpoint, kReceive);
    return 0;
  }
  notes.interest |= kReceive;
  if (std::find(resumed_.begin(), resumed_.end(), endpoint.handle) == resumed_.end()) {
    resumed_.push_back(endpoint.handle);
  }
  return 0;
}

int Uring::connect(Endpoint& endpoint, const Address& address) {
  const int result = net::connect(endpoint.fd, address);
  if (result != -EINPROGRESS) return result;
  want(endpoint, kWritable);
  return result;
}

int Uring::arm_poll(Endpoint& endpoint, std::uint32_t interest) {
  Notes& notes = notes_of(endpoint);
  if (endpoint.fd == kNoDescriptor) return -EBADF;
  polled_fds_.add(endpoint);
  const bool changes = notes.interest >> kShift != interest;
  if (changes && (notes.in_flight & kPoll) != 0) stop(endpoint, kPoll);
  if (interest == kNone) {
    notes.interest = kNone;
    return 0;
  }
  notes.interest = interest << kShift;
  want(endpoint, kPoll);
  return 0;
}

std::ptrdiff_t Uring::submit_send(Endpoint& endpoint, std::span<const Slice> slices) {
  Notes& notes = notes_of(endpoint);
  // A full socket buffer: the attempt would only cost a call, unless the kernel just said that there is room.
  const bool waiting = (notes.interest & kWritable) != 0;
  if (waiting && endpoint.handle != writable_) return 0;
  writable_ = -1;
  std::ptrdiff_t sent = net::send(endpoint.fd, slices);
  if (net::would_block(sent)) sent = 0;
  if (sent < 0) {
    // The engine tries again after a pause: until then, room in the buffer says nothing.
    notes.interest &= ~std::uint32_t{kWritable};
    return sent;
  }
  if (static_cast<std::size_t>(sent) == total_size(slices)) {
    notes.interest &= ~std::uint32_t{kWritable};
    return sent;
  }
  want(endpoint, kWritable);
  return sent;
}

bool Uring::close(Endpoint& endpoint, Ending ending) {
  Notes& notes = notes_of(endpoint);
  notes.interest = kNone;
  if (const auto held = held_.find(endpoint.handle); held != held_.end()) {
    held_bytes_ -= held->second.bytes.capacity();
    held_.erase(held);
  }
  if (ending == Ending::kLeaveOpen) polled_fds_.remove(endpoint);
  const bool in_flight = (notes.in_flight & kKinds) != 0;
  if (in_flight) {
    for (const Kind kind : {kAccept, kReceive, kWritable, kPoll}) stop(endpoint, kind);
    // At once: a request that is in flight keeps the socket open.
    ring_.enter();
    if (ring_.held() > 0) ring_.forget(endpoint.fd);
    closing_.emplace(endpoint.handle, &endpoint);
  }
  close_as(endpoint.fd, ending);
  endpoint.fd = kNoDescriptor;
  return !in_flight;
}

int Uring::submit() {
  const int result = ring_.held() > 0 ? ring_.enter() : 0;
  room_ = kEventsPerTurn;
  ring_.unmute();
  if (!resumed_.empty() || !polled_.empty()) ring_.wake();
  return std::min(result, 0);
}

// An enter() that failed has brought no completions: they would be reported again and again.
int Uring::wait(int timeout_ms) {
  const int result = ring_.wait(timeout_ms);
  return failed_ < 0 ? failed_ : result;
}

// --- completions -----------------------------------------------------------------------------------------------------

void Uring::deliver() {
  ++turn_;
  ring_.mute();
  poll_again();
  const int entered = ring_.enter();
  failed_ = net::is_shortage(net::Call::kEnter, entered) ? entered : 0;
  resume_held();
  if (buffers_.withheld() && held_bytes_ <= kHeldMost / 2) buffers_.withhold(false);
  take();
  // What was accepted is received from now: short connections have their first bytes there already.
  if (ring_.held() > 0 && room_ > 0) {
    ring_.enter();
    take();
  }
  for (const Handle handle : std::exchange(accepted_, {})) {
    Endpoint* listener = events_->find(handle);
    if (listener != nullptr && (notes_of(*listener).in_flight & kAccept) != 0) events_->on_accept_end(handle, 0, true);
  }
}

void Uring::take() {
  for (; room_ > 0; --room_) {
    const Completion* next = ring_.peek();
    if (next == nullptr) return;
    const Completion completion = *next;
    ring_.seen();
    if (completion.user_data != kNobody) completed(completion);
  }
}

void Uring::completed(const Completion& completion) {
  const auto handle = static_cast<Handle>(completion.user_data & 0xffffffff);
  const auto kind = static_cast<Kind>(completion.user_data >> 32);
  const bool ended = (completion.flags & kMore) == 0;
  const std::uint32_t bits = ended ? kind | std::uint32_t{kind} << kShift : 0;
  if (const auto closing = closing_.find(handle); closing != closing_.end()) {
    drop(kind, completion);
    Notes& notes = notes_of(*closing->second);
    notes.in_flight &= ~bits;
    if ((notes.in_flight & kKinds) != 0) return;
    closing_.erase(closing);
    events_->on_closed(handle);
    return;
  }
  // Not stale: an endpoint keeps its slot while it has something in flight.
  Endpoint* endpoint = events_->find(handle);
  SK_CHECK(endpoint != nullptr);
  notes_of(*endpoint).in_flight &= ~bits;
  bool next_turn = kind == kPoll;
  switch (kind) {
    case kAccept:
      accepted(handle, completion);
      break;
    case kReceive:
      if (completion.result > 0 && (completion.flags & kHasBuffer) == 0) {
        next_turn = receive_once(handle);
      } else {
        received(handle, completion);
      }
      break;
    case kWritable:
      became_writable(handle, completion.result);
      break;
    case kPoll:
      polled(handle, completion.result);
      break;
  }
  endpoint = events_->find(handle);
  if (endpoint == nullptr) return;
  const Notes& notes = notes_of(*endpoint);
  if ((notes.interest & kind) == 0 || (notes.in_flight & kind) != 0) return;
  if (next_turn) {
    polled_.push_back(handle);
  } else if (!held_.contains(handle)) {
    start(*endpoint, kind);
  }
}

// What a request brought for an endpoint that is closed.
void Uring::drop(Kind kind, const Completion& completion) {
  if (kind == kAccept && completion.result >= 0) net::close_with_reset(completion.result);
  if ((completion.flags & kHasBuffer) == 0) return;
  buffers_.take(completion);
  buffers_.give_back(completion);
}

// A multishot accept brings no addresses: the kernel would write each over the one before (io_uring_prep_accept(3)).
void Uring::accepted(Handle handle, const Completion& completion) {
  int result = completion.result;
  Address peer;
  if (result >= 0 && net::accepted_from(result, peer) < 0) {
    net::close(result);
    result = -ECONNABORTED;
  }
  if (result >= 0) {
    notes_of(*events_->find(handle)).received = 0;
    // The kernel may go on with those that wait in another turn.
    std::erase(accepted_, handle);
    if (events_->on_accept(handle, result, peer) && (completion.flags & kNonEmpty) == 0) accepted_.push_back(handle);
    return;
  }
  if (result == -ECANCELED) return;
  Notes& notes = notes_of(*events_->find(handle));
  const bool gone = net::meaning_of(net::Call::kAccept, -result) == net::Meaning::kPeerGone;
  // Also when so many failed in a row: the listener would take all the processor's time.
  if (gone && ++notes.received < kEventsPerTurn) return;
  notes.received = 0;
  events_->on_accept_end(handle, -result, false);
}

void Uring::received(Handle handle, const Completion& completion) {
  const bool has_buffer = (completion.flags & kHasBuffer) != 0;
  const std::span<const std::uint8_t> bytes = has_buffer ? buffers_.take(completion) : std::span<const std::uint8_t>();
  if (!bytes.empty()) {
    const std::size_t taken = held_.contains(handle) ? 0 : hand_over(handle, bytes, true);
    if (taken < bytes.size()) hold(handle, bytes.subspan(taken));
  }
  if (has_buffer) buffers_.give_back(completion);
  if (completion.result == -ENOBUFS) buffers_.offer_more();
  if (completion.result > 0 || completion.result == -ENOBUFS || completion.result == -ECANCELED) return;
  if (const auto held = held_.find(handle); held != held_.end()) {
    held->second.ended = true;
    held->second.end = completion.result;
  } else if (!hand_over_end(handle, completion.result) && events_->find(handle) != nullptr) {
    Held& kept = held_[handle];
    kept.ended = true;
    kept.end = completion.result;
  }
  // Nothing comes after the end.
  if (Endpoint* endpoint = events_->find(handle)) notes_of(*endpoint).interest &= ~std::uint32_t{kReceive};
}

// From one that is polled, whose bytes are in the kernel. True when there may be more: they come in the next turn.
bool Uring::receive_once(Handle handle) {
  const std::span<std::uint8_t> window = events_->receive_window(handle);
  Endpoint* endpoint = events_->find(handle);
  if (endpoint == nullptr) return false;
  Notes& notes = notes_of(*endpoint);
  if (window.empty()) {
    notes.interest &= ~std::uint32_t{kReceive};
    return false;
  }
  const std::ptrdiff_t received = net::receive(endpoint->fd, window);
  if (net::would_block(received)) return false;
  const bool all = received < std::ssize(window);
  if (received <= 0) {
    // The end, an error, or a shortage after which the engine asks anew.
    notes.interest &= ~std::uint32_t{kReceive};
  } else {
    notes.heavy = !all || static_cast<std::size_t>(received) >= kBytesPerTurn / 2;
  }
  events_->on_received(handle, received);
  return !all;
}

// `follows`: the bytes are those of a completion, and what the next ones brought for the same endpoint comes along.
std::size_t Uring::hand_over(Handle handle, std::span<const std::uint8_t> bytes, bool follows) {
  std::size_t taken = 0;
  while (taken < bytes.size()) {
    const std::span<std::uint8_t> window = events_->receive_window(handle);
    if (window.empty()) break;
    Endpoint& endpoint = *events_->find(handle);
    Notes& notes = notes_of(endpoint);
    if (notes.turn != turn_) {
      notes.turn = turn_;
      notes.received = 0;
    }
    if (notes.received >= kBytesPerTurn) {
      // It goes on in the next turn.
      resumed_.push_back(handle);
      break;
    }
    const std::size_t piece = std::min({window.size(), bytes.size() - taken, kBytesPerTurn - notes.received});
    std::memcpy(window.data(), bytes.data() + taken, piece);
    taken += piece;
    const std::size_t more = follows && taken == bytes.size() ? absorb(endpoint, window.subspan(piece)) : 0;
    notes.received = (notes.received + static_cast<std::uint32_t>(piece + more)) & kReceivedMask;
    events_->on_received(handle, static_cast<std::ptrdiff_t>(piece + more));
  }
  return taken;
}

// Puts together again what the kernel took in one go and split where a buffer was full.
std::size_t Uring::absorb(Endpoint& endpoint, std::span<std::uint8_t> window) {
  std::size_t taken = 0;
  while (const Completion* next = ring_.peek()) {
    const bool same = next->user_data == user_data_of(endpoint.handle, kReceive) && next->result > 0;
    if (!same || (next->flags & kHasBuffer) == 0) break;
    if (static_cast<std::size_t>(next->result) > window.size() - taken) break;
    const std::span<const std::uint8_t> bytes = buffers_.take(*next);
    std::memcpy(window.data() + taken, bytes.data(), bytes.size());
    taken += bytes.size();
    buffers_.give_back(*next);
    if ((next->flags & kMore) == 0) notes_of(endpoint).in_flight &= ~(kReceive | std::uint32_t{kReceive} << kShift);
    ring_.seen();
  }
  return taken;
}

// False when the connection is not reading.
bool Uring::hand_over_end(Handle handle, std::int32_t end) {
  if (events_->receive_window(handle).empty()) return false;
  events_->on_received(handle, end);
  return true;
}

void Uring::hold(Handle handle, std::span<const std::uint8_t> bytes) {
  Endpoint* endpoint = events_->find(handle);
  if (endpoint == nullptr) return;
  std::vector<std::uint8_t>& kept = held_[handle].bytes;
  held_bytes_ -= kept.capacity();
  kept.insert(kept.end(), bytes.begin(), bytes.end());
  held_bytes_ += kept.capacity();
  if (held_bytes_ > kHeldMost) buffers_.withhold(true);
  notes_of(*endpoint).heavy = true;
  // A new receive is requested once nothing is held any more.
  cancel(*endpoint, kReceive);
}

// Puts back what resume_held() has taken out and not handed over.
void Uring::keep(Held& held, Held&& rest) {
  held = std::move(rest);
  // Not each time: what is far from the beginning would be moved again and again.
  if (held.taken > held.bytes.size() / 2) {
    held.bytes = {held.bytes.begin() + static_cast<std::ptrdiff_t>(held.taken), held.bytes.end()};
    held.taken = 0;
  }
  held_bytes_ += held.bytes.capacity();
}

void Uring::resume_held() {
  for (const Handle handle : std::exchange(resumed_, {})) {
    auto held = held_.find(handle);
    if (held == held_.end()) continue;
    // The program may run, pause again, or close, while the bytes are handed over.
    Held kept = std::exchange(held->second, {});
    held_bytes_ -= kept.bytes.capacity();
    kept.taken += hand_over(handle, std::span(kept.bytes).subspan(kept.taken), false);
    held = held_.find(handle);
    if (held == held_.end()) continue;
    const bool all = kept.taken == kept.bytes.size() && (!kept.ended || hand_over_end(handle, kept.end));
    Endpoint* endpoint = events_->find(handle);
    held = held_.find(handle);
    if (held == held_.end() || endpoint == nullptr) continue;
    if (!all) {
      keep(held->second, std::move(kept));
      continue;
    }
    held_.erase(held);
    if (kept.ended) {
      notes_of(*endpoint).interest &= ~std::uint32_t{kReceive};
    } else if ((notes_of(*endpoint).interest & kReceive) != 0) {
      want(*endpoint, kReceive);
    }
  }
}

void Uring::became_writable(Handle handle, std::int32_t result) {
  Endpoint* endpoint = events_->find(handle);
  if (endpoint == nullptr || (notes_of(*endpoint).interest & kWritable) == 0 || result < 0) return;
  if (endpoint->phase == Phase::kConnecting) {
    notes_of(*endpoint).interest &= ~std::uint32_t{kWritable};
    events_->on_connected(handle, net::connect_error(endpoint->fd));
    return;
  }
  writable_ = handle;
  events_->on_sent(handle, 0);
  writable_ = -1;
}

void Uring::polled(Handle handle, std::int32_t result) {
  Endpoint* endpoint = events_->find(handle);
  if (endpoint == nullptr || result == -ECANCELED) return;
  // Refused: the program has closed the descriptor. poll(2) tells it so.
  const std::uint32_t events = result < 0 ? POLLNVAL : static_cast<std::uint32_t>(result);
  const std::uint32_t what = ((events & POLLIN) != 0 ? kRead : 0u) | ((events & POLLOUT) != 0 ? kWrite : 0u) |
                             ((events & (POLLERR | POLLHUP | POLLNVAL)) != 0 ? kHangup : 0u);
  const std::uint32_t asked = what & (notes_of(*endpoint).interest >> kShift | kHangup);
  if ((notes_of(*endpoint).interest & kPoll) != 0 && asked != kNone) events_->on_ready(handle, asked);
}

// After the program has read: what it has consumed is not reported again, and what it paused is not received from.
void Uring::poll_again() {
  for (const Handle handle : std::exchange(polled_, {})) {
    Endpoint* endpoint = events_->find(handle);
    if (endpoint == nullptr) continue;
    for (const Kind kind : {kReceive, kPoll}) {
      if ((notes_of(*endpoint).interest & kind) != 0) want(*endpoint, kind);
    }
  }
}

std::string probe() {
  Ring ring;
  Buffers buffers;
  int result = ring.open();
  if (result == 0) result = buffers.open(ring);
  switch (-result) {
    case 0:
      return {};
    case ENOSYS:
      return "this kernel has no io_uring, or a sandbox hides it: it needs Linux 6.1 and a seccomp profile that allows "
             "it";
    case EPERM:
    case EACCES:
      return "io_uring is forbidden: see sysctl kernel.io_uring_disabled, and the seccomp profile of a container";
    case EINVAL:
      return "this kernel's io_uring is too old: it needs Linux 6.1";
    case ENOMEM:
      return "there is too little memory that may be locked for io_uring: see ulimit -l";
    default:
      return std::string("the kernel refuses io_uring: ") + std::strerror(-result);
  }
}

}  // namespace skein::uring
