// epoll(7), level-triggered.
//
//  a. The set's key is (descriptor, open file): a closed descriptor leaves by itself unless it was duplicated, or sent
//     to another process. For an endpoint that is not shared, close(2) alone is enough, and saves a call; one that is
//     shared is removed first, or the set would report it for ever under a handle that is stale. It is removed first,
//     too, when another thread waits: epoll_wait(2) refers to the open file while it asks whether it is ready (Linux
//     6.9). If it is closed meanwhile, the thread that waits lets go of it last, and the kernel then ends the
//     connection only when that thread returns, perhaps never: the peer hears of no end. EPOLL_CTL_DEL returns when
//     nobody asks any more.
//  b. EPOLLERR and EPOLLHUP are reported whether asked for or not, as long as the descriptor is in the set: one that
//     waits for nothing must leave the set when they come, or every wait returns at once.
//  c. An epoll descriptor is itself pollable, and level-triggered as its members are: events left for the next wait
//     keep it readable.
#include <sys/epoll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "backend/selector/selector.h"
#include "backend/waker/waker.h"

namespace skein {

namespace {

std::uint32_t to_epoll(std::uint32_t interest) {
  return ((interest & kRead) != 0 ? EPOLLIN : 0u) | ((interest & kWrite) != 0 ? EPOLLOUT : 0u);
}

class EpollSelector final : public Selector {
 public:
  ~EpollSelector() override {
    if (set_ >= 0) ::close(set_);
  }

  int open() override {
    set_ = ::epoll_create1(EPOLL_CLOEXEC);
    if (set_ < 0) return -errno;
    if (const int result = waker_.open(); result < 0) return result;
    return add(waker_.descriptor(), kRead, kWakerHandle);
  }

  int add(int fd, std::uint32_t interest, Handle handle) override {
    return control(EPOLL_CTL_ADD, fd, interest, handle);
  }

  int modify(int fd, std::uint32_t interest, Handle handle) override {
    return control(EPOLL_CTL_MOD, fd, interest, handle);
  }

  int remove(int fd) override { return control(EPOLL_CTL_DEL, fd, kNone, 0); }

  int wait(std::span<Ready> ready, int timeout_ms) override {
    const int most = static_cast<int>(std::min(ready.size(), events_.size()));
    const int count = ::epoll_wait(set_, events_.data(), most, timeout_ms);
    if (count < 0) return -errno;
    int filled = 0;
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      const auto handle = static_cast<Handle>(events_[i].data.u32);
      if (handle == kWakerHandle) {
        waker_.drain();
        continue;
      }
      const std::uint32_t events = events_[i].events;
      const std::uint32_t what = ((events & EPOLLIN) != 0 ? kRead : 0u) | ((events & EPOLLOUT) != 0 ? kWrite : 0u) |
                                 ((events & (EPOLLERR | EPOLLHUP)) != 0 ? kHangup : 0u);
      ready[static_cast<std::size_t>(filled++)] = {handle, what};
    }
    return filled;
  }

  void wake() override { waker_.wake(); }
  bool forgets_closed() const override { return true; }
  const char* name() const override { return "epoll"; }
  int pollable_descriptor() const override { return set_; }

 private:
  int control(int operation, int fd, std::uint32_t interest, Handle handle) {
    epoll_event event{};
    event.events = to_epoll(interest);
    event.data.u32 = static_cast<std::uint32_t>(handle);
    return ::epoll_ctl(set_, operation, fd, &event) == 0 ? 0 : -errno;
  }

  int set_ = -1;
  Waker waker_;
  std::array<epoll_event, 128> events_;
};

}  // namespace

std::unique_ptr<Selector> make_epoll_selector() {
  return std::make_unique<EpollSelector>();
}

}  // namespace skein
