// kqueue(2), level-triggered: macOS and the BSDs; on Linux over libkqueue, for tests.
//
//  a. No EV_CLEAR: what one receive leaves behind must be reported again.
//  b. Changes are gathered by the loop's thread and handed over in one call; wait(), which may run on another thread,
//     has no part in them.
//  c. EV_EOF on the read filter comes while bytes are unread, and for a half close: reading finds the end by itself. On
//     the write filter it is a hangup: nobody will read. fflags has the socket's error then.
//  d. A closed descriptor leaves by itself, but not from libkqueue: so it is removed before it is closed, everywhere.
//  e. A kqueue is itself pollable, and level-triggered as its members are. libkqueue's is a pipe that never is.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "backend/selector/kqueue_changes.h"
#include "backend/selector/selector.h"
#include "backend/waker/waker.h"

namespace skein {

namespace {

using kqueue::Count;
using kqueue::Event;
using kqueue::make_event;

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

class KqueueSelector final : public Selector {
 public:
  ~KqueueSelector() override {
    if (queue_ >= 0) ::close(queue_);
  }

  int open() override {
    queue_ = ::kqueue();
    if (queue_ < 0 || ::fcntl(queue_, F_SETFD, FD_CLOEXEC) < 0) return -errno;
    if constexpr (kUserEvents) return tell(EV_ADD | EV_CLEAR, 0);
    if (const int result = waker_.open(); result < 0) return result;
    add(waker_.descriptor(), kRead, kWakerHandle);
    return changes_.submit(queue_, late_);
  }

  int add(int fd, std::uint32_t interest, Handle handle) override {
    if (fd < 0) return -EBADF;
    changes_.add(fd, interest, handle);
    return 0;
  }

  int modify(int fd, std::uint32_t interest, Handle handle) override {
    changes_.modify(fd, interest, handle);
    return 0;
  }

  // At once: the descriptor may be closed next. What is refused was not there.
  int remove(int fd) override {
    changes_.modify(fd, kNone, 0);
    changes_.submit(queue_, late_);
    return 0;
  }

  bool holds_changes() const override { return !changes_.empty() || !late_.empty(); }
  int submit(std::vector<Ready>& refused) override {
    refused.insert(refused.end(), late_.begin(), late_.end());
    late_.clear();
    return changes_.submit(queue_, refused);
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
      tell(0, kTrigger);
    } else {
      waker_.wake();
    }
  }
  bool forgets_closed() const override { return false; }
  const char* name() const override { return "kqueue"; }
  int pollable_descriptor() const override { return queue_; }

 private:
  int tell(int flags, unsigned fflags) {
    Event event = make_event(0, kUserFilter, flags, kWakerHandle);
    event.fflags = fflags;
    return ::kevent(queue_, &event, 1, nullptr, 0, nullptr) < 0 ? -errno : 0;
  }

  int queue_ = -1;
  Waker waker_;
  kqueue::Changes changes_;
  std::vector<Ready> late_;  // refused together with the removal of another
  std::array<Event, 128> events_;
};

}  // namespace

std::unique_ptr<Selector> make_kqueue_selector() {
  return std::make_unique<KqueueSelector>();
}

}  // namespace skein
