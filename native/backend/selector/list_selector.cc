#include "backend/selector/list_selector.h"

#include <algorithm>
#include <cerrno>

namespace skein {

int ListSelector::open() {
  if (const int result = waker_.open(); result < 0) return result;
  return add(waker_.descriptor(), kRead, kWakerHandle);
}

int ListSelector::add(Descriptor fd, std::uint32_t interest, Handle handle) {
  if (const int result = admit(fd); result < 0) return result;
  const std::lock_guard lock(mutex_);
  if (!places_.try_emplace(fd, list_.size()).second) return -EEXIST;
  list_.push_back({fd, interest, handle});
  changed();
  return 0;
}

int ListSelector::modify(Descriptor fd, std::uint32_t interest, Handle handle) {
  const std::lock_guard lock(mutex_);
  const auto place = places_.find(fd);
  if (place == places_.end()) return -ENOENT;
  list_[place->second] = {fd, interest, handle};
  changed();
  return 0;
}

int ListSelector::remove(Descriptor fd) {
  const std::lock_guard lock(mutex_);
  const auto place = places_.find(fd);
  if (place == places_.end()) return -ENOENT;
  const std::size_t at = place->second;
  places_.erase(place);
  if (at + 1 < list_.size()) {
    list_[at] = list_.back();
    places_[list_[at].fd] = at;
  }
  list_.pop_back();
  changed();
  return 0;
}

void ListSelector::changed() {
  stale_ = true;
  if (waiting_) waker_.wake();
}

int ListSelector::wait(std::span<Ready> ready, int timeout_ms) {
  {
    const std::lock_guard lock(mutex_);
    waiting_ = true;
    if (stale_) {
      copy_.clear();
      std::copy_if(list_.begin(), list_.end(), std::back_inserter(copy_),
                   [this](const Watched& watched) { return watched.interest != kNone || reports_hangups_unasked(); });
      prepare(copy_);
      stale_ = false;
    }
  }
  const int count = ask(timeout_ms);
  {
    const std::lock_guard lock(mutex_);
    waiting_ = false;
  }
  return count <= 0 ? count : collect(ready, count);
}

int ListSelector::collect(std::span<Ready> ready, int count) {
  std::size_t filled = 0;
  for (std::size_t seen = 0; seen < copy_.size() && count > 0 && filled < ready.size(); ++seen) {
    if (next_ >= copy_.size()) next_ = 0;
    const Watched& watched = copy_[next_];
    const std::uint32_t what = answer(next_, watched);
    ++next_;
    if (what == kNone) continue;
    --count;
    if (watched.handle == kWakerHandle) {
      waker_.drain();
    } else {
      ready[filled++] = {watched.handle, what};
    }
  }
  return static_cast<int>(filled);
}

}  // namespace skein
