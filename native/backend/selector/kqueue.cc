// kqueue(2), level-triggered: macOS and the BSDs; on Linux over libkqueue, for tests.
//
//  a. Reading and writing are filters, each with a registration and events of its own. Which ones a descriptor has
//     stands in filters_, so that only differences go to the kernel.
//  b. No EV_CLEAR: what one receive leaves behind must be reported again.
//  c. Changes are gathered by the loop's thread and handed over in one call; wait(), which may run on another thread,
//     has no part in them. EV_RECEIPT makes that call tell of each change, and bring no event, which would be lost.
//  d. EV_EOF on the read filter comes while bytes are unread, and for a half close: reading finds the end by itself. On
//     the write filter it is a hangup: nobody will read. fflags has the socket's error then.
//  e. A closed descriptor leaves by itself, but not from libkqueue: so it is removed before it is closed, everywhere.
//  f. A kqueue is itself pollable, and level-triggered as its members are. libkqueue's is a pipe that never is.
#include <sys/event.h>
#include <sys/time.h>
#include <sys/types.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>
#include <vector>

#include "backend/selector/selector.h"
#include "backend/waker/waker.h"

// Not in NetBSD before 10. What that call brings then is reported again, for it is level-triggered.
#if !defined(EV_RECEIPT)
#define EV_RECEIPT 0
#endif

namespace skein {

namespace {

using Event = struct kevent;

// What kevent(2) counts in.
#if defined(__NetBSD__)
using Count = std::size_t;
#else
using Count = int;
#endif

// Not in OpenBSD before 7.8 and NetBSD before 10: a pipe wakes there.
#if defined(EVFILT_USER)
constexpr bool kUserEvents = true;
constexpr auto kUserFilter = EVFILT_USER;
constexpr auto kTrigger = NOTE_TRIGGER;
#else
constexpr bool kUserEvents = false;
constexpr int kUserFilter = 0;
constexpr unsigned kTrigger = 0;
#endif

template <typename Filter, typename Flags>
Event make_event(int ident, Filter filter, Flags flags, Handle handle) {
  Event event{};
  event.ident = static_cast<decltype(event.ident)>(ident);
  event.filter = static_cast<decltype(event.filter)>(filter);
  event.flags = static_cast<decltype(event.flags)>(flags);
  event.udata = reinterpret_cast<decltype(event.udata)>(static_cast<std::intptr_t>(handle));
  return event;
}

class KqueueSelector final : public Selector {
 public:
  ~KqueueSelector() override {
    if (queue_ >= 0) ::close(queue_);
  }

  int open() override {
    queue_ = ::kqueue();
    if (queue_ < 0 || ::fcntl(queue_, F_SETFD, FD_CLOEXEC) < 0) return -errno;
    if constexpr (kUserEvents) {
      changes_.push_back(make_event(0, kUserFilter, EV_ADD | EV_CLEAR | EV_RECEIPT, kWakerHandle));
    } else {
      if (const int result = waker_.open(); result < 0) return result;
      add(waker_.descriptor(), kRead, kWakerHandle);
    }
    return submit();
  }

  int add(int fd, std::uint32_t interest, Handle handle) override {
    if (fd < 0) return -EBADF;
    const auto index = static_cast<std::size_t>(fd);
    if (index >= filters_.size()) filters_.resize(index + 1);
    return modify(fd, interest, handle);
  }

  int modify(int fd, std::uint32_t interest, Handle handle) override {
    const auto index = static_cast<std::size_t>(fd);
    const std::uint32_t before = std::exchange(filters_[index], static_cast<std::uint8_t>(interest));
    const std::uint32_t changed = before ^ interest;
    const auto action = [&](std::uint32_t bit) { return ((interest & bit) != 0 ? EV_ADD : EV_DELETE) | EV_RECEIPT; };
    if ((changed & kRead) != 0) changes_.push_back(make_event(fd, EVFILT_READ, action(kRead), handle));
    if ((changed & kWrite) != 0) changes_.push_back(make_event(fd, EVFILT_WRITE, action(kWrite), handle));
    return 0;
  }

  // At once: the descriptor may be closed next. What is refused was not there.
  int remove(int fd) override {
    modify(fd, kNone, 0);
    submit();
    return 0;
  }

  bool holds_changes() const override { return !changes_.empty(); }

  int submit() override {
    int result = 0;
    handed_.swap(changes_);
    for (std::span<Event> rest = handed_; !rest.empty();) {
      const std::span<Event> part = rest.first(std::min(rest.size(), receipts_.size()));
      const auto most = static_cast<Count>(part.size());
      const timespec now{};
      const int count = ::kevent(queue_, part.data(), most, receipts_.data(), most, &now);
      if (count < 0) {
        result = -errno;
        changes_.insert(changes_.end(), rest.begin(), rest.end());
        break;
      }
      for (Event& receipt : std::span(receipts_).first(static_cast<std::size_t>(count))) {
        const int error = (receipt.flags & EV_ERROR) != 0 ? static_cast<int>(receipt.data) : 0;
        if (error == 0 || error == ENOENT) continue;
        if (result == 0) result = -error;
        // Only what is added needs memory. It is tried again, if it is still wanted.
        if (error != ENOMEM || !wants(receipt)) continue;
        receipt.flags = EV_ADD | EV_RECEIPT;
        receipt.data = 0;
        changes_.push_back(receipt);
      }
      rest = rest.subspan(part.size());
    }
    handed_.clear();
    return result;
  }

  int wait(std::span<Ready> ready, int timeout_ms) override {
    const auto most = static_cast<Count>(std::min(ready.size(), events_.size()));
    const timespec limit{timeout_ms / 1000, (timeout_ms % 1000) * 1'000'000L};
    const int count = ::kevent(queue_, nullptr, 0, events_.data(), most, timeout_ms < 0 ? nullptr : &limit);
    if (count < 0) return -errno;
    int filled = 0;
    for (const Event& event : std::span(events_).first(static_cast<std::size_t>(count))) {
      const auto handle = static_cast<Handle>(reinterpret_cast<std::intptr_t>(event.udata));
      if (handle == kWakerHandle) {
        if constexpr (!kUserEvents) waker_.drain();
        continue;
      }
      const std::uint32_t what = event.filter == EVFILT_READ ? kRead : kWrite;
      const bool end = (event.flags & EV_EOF) != 0;
      const int error = end ? static_cast<int>(event.fflags) : 0;
      const bool hangup = end && (what == kWrite || error != 0);
      ready[static_cast<std::size_t>(filled++)] = {handle, hangup ? what | kHangup : what, error};
    }
    return filled;
  }

  void wake() override {
    if constexpr (kUserEvents) {
      Event trigger = make_event(0, kUserFilter, 0, kWakerHandle);
      trigger.fflags = kTrigger;
      ::kevent(queue_, &trigger, 1, nullptr, 0, nullptr);
    } else {
      waker_.wake();
    }
  }
  bool forgets_closed() const override { return false; }
  const char* name() const override { return "kqueue"; }
  int pollable_descriptor() const override { return queue_; }

 private:
  bool wants(const Event& event) const {
    const auto index = static_cast<std::size_t>(event.ident);
    return index < filters_.size() && (filters_[index] & (event.filter == EVFILT_READ ? kRead : kWrite)) != 0;
  }

  int queue_ = -1;
  Waker waker_;
  std::vector<std::uint8_t> filters_;  // by descriptor: those it has, or will have after submit()
  std::vector<Event> changes_;
  std::vector<Event> handed_;  // changes on their way to the kernel
  std::array<Event, 128> receipts_;
  std::array<Event, 128> events_;
};

}  // namespace

std::unique_ptr<Selector> make_kqueue_selector() {
  return std::make_unique<KqueueSelector>();
}

}  // namespace skein
