// poll(2): any number of descriptors, each of which costs at every wait.
#include <poll.h>

#include <cerrno>

#include "backend/selector/list_selector.h"

namespace skein {

namespace {

short to_poll(std::uint32_t interest) {
  return static_cast<short>(((interest & kRead) != 0 ? POLLIN : 0) | ((interest & kWrite) != 0 ? POLLOUT : 0));
}

class PollSelector final : public ListSelector {
 public:
  const char* name() const override { return "poll"; }

 private:
  bool reports_hangups_unasked() const override { return true; }

  void prepare(std::span<const Watched> copy) override {
    entries_.clear();
    for (const Watched& watched : copy) entries_.push_back({watched.fd, to_poll(watched.interest), 0});
  }

  int ask(int timeout_ms) override {
    const int count = ::poll(entries_.data(), static_cast<nfds_t>(entries_.size()), timeout_ms);
    return count >= 0 ? count : -errno;
  }

  std::uint32_t answer(std::size_t i, const Watched&) const override {
    const int events = entries_[i].revents;
    return ((events & POLLIN) != 0 ? kRead : 0u) | ((events & POLLOUT) != 0 ? kWrite : 0u) |
           ((events & (POLLERR | POLLHUP | POLLNVAL)) != 0 ? kHangup : 0u);
  }

  std::vector<pollfd> entries_;
};

}  // namespace

std::unique_ptr<Selector> make_poll_selector() {
  return std::make_unique<PollSelector>();
}

}  // namespace skein
