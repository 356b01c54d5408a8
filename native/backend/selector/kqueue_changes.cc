#include "backend/selector/kqueue_changes.h"

#include <algorithm>
#include <cerrno>
#include <utility>

// Not in NetBSD before 10. What the call brings then is reported again, for it is level-triggered.
#if !defined(EV_RECEIPT)
#define EV_RECEIPT 0
#endif

namespace skein::kqueue {

void Changes::add(int fd, std::uint32_t interest, Handle handle) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= filters_.size()) filters_.resize(index + 1);
  modify(fd, interest, handle);
}

void Changes::modify(int fd, std::uint32_t interest, Handle handle) {
  const auto index = static_cast<std::size_t>(fd);
  const std::uint32_t before = std::exchange(filters_[index], static_cast<std::uint8_t>(interest));
  const std::uint32_t changed = before ^ interest;
  const auto action = [&](std::uint32_t bit) { return ((interest & bit) != 0 ? EV_ADD : EV_DELETE) | EV_RECEIPT; };
  if ((changed & kRead) != 0) gathered_.push_back(make_event(fd, EVFILT_READ, action(kRead), handle));
  if ((changed & kWrite) != 0) gathered_.push_back(make_event(fd, EVFILT_WRITE, action(kWrite), handle));
}

int Changes::submit(int queue, std::vector<Ready>& refused) {
  int result = 0;
  handed_.swap(gathered_);
  for (std::span<Event> rest = handed_; !rest.empty();) {
    const std::span<Event> part = rest.first(std::min(rest.size(), receipts_.size()));
    const int error = hand_over(queue, part, refused);
    if (result == 0) result = error;
    rest = rest.subspan(part.size());
  }
  handed_.clear();
  return result;
}

// EV_RECEIPT makes the call tell of each change, and bring no event, which would be lost.
int Changes::hand_over(int queue, std::span<Event> part, std::vector<Ready>& refused) {
  const auto most = static_cast<Count>(part.size());
  const timespec now{};
  const int count = ::kevent(queue, part.data(), most, receipts_.data(), most, &now);
  if (count < 0) {
    const int error = errno;
    gathered_.insert(gathered_.end(), part.begin(), part.end());
    return -error;
  }
  int result = 0;
  for (Event& receipt : std::span(receipts_).first(static_cast<std::size_t>(count))) {
    const int error = (receipt.flags & EV_ERROR) != 0 ? static_cast<int>(receipt.data) : 0;
    if (error == 0 || error == ENOENT) continue;
    if (result == 0) result = -error;
    const std::uint32_t what = receipt.filter == EVFILT_READ ? kRead : kWrite;
    const auto index = static_cast<std::size_t>(receipt.ident);
    // Of what was removed meanwhile nobody has to know.
    if (index >= filters_.size() || (filters_[index] & what) == 0) continue;
    filters_[index] = static_cast<std::uint8_t>(filters_[index] & ~what);
    refused.push_back({static_cast<Handle>(reinterpret_cast<std::intptr_t>(receipt.udata)), what, error});
  }
  return result;
}

}  // namespace skein::kqueue
