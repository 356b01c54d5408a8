// select(2).
//
//  a. A set is a bitmap with a place for every descriptor up to the highest. Its type holds FD_SETSIZE of them (1024),
//     but the kernels take longer ones: here a set is an array of that type, for descriptors below kMost. One beyond is
//     refused by itself, with EMFILE, and disturbs no other.
//  b. A closed descriptor makes the whole call fail with EBADF, where poll(2) reports that one: those that are closed
//     are searched for then, and the others asked about again.
#define _DARWIN_UNLIMITED_SELECT 1
#include <fcntl.h>
#include <sys/select.h>

#include <algorithm>
#include <cerrno>

#include "backend/selector/list_selector.h"

namespace skein {

namespace {

// A test makes it smaller.
#if !defined(SKEIN_SELECT_PARTS)
#define SKEIN_SELECT_PARTS 64
#endif
constexpr int kMost = SKEIN_SELECT_PARTS * FD_SETSIZE;

class BitSet {
 public:
  void clear(int descriptors) {
    parts_.resize(static_cast<std::size_t>((descriptors + FD_SETSIZE - 1) / FD_SETSIZE));
    for (fd_set& part : parts_) FD_ZERO(&part);
  }
  void add(int fd) { FD_SET(fd % FD_SETSIZE, &part_of(fd)); }
  void remove(int fd) { FD_CLR(fd % FD_SETSIZE, &part_of(fd)); }
  bool has(int fd) const { return FD_ISSET(fd % FD_SETSIZE, &const_cast<BitSet*>(this)->part_of(fd)) != 0; }
  fd_set* data() { return parts_.data(); }

 private:
  fd_set& part_of(int fd) { return parts_[static_cast<std::size_t>(fd / FD_SETSIZE)]; }

  std::vector<fd_set> parts_;
};

class SelectSelector final : public ListSelector {
 public:
  const char* name() const override { return "select"; }

 private:
  int admit(int fd) const override { return fd < kMost ? 0 : -EMFILE; }

  // Its third set is for urgent data: an error shows as readable or writable only.
  bool reports_hangups_unasked() const override { return false; }

  void prepare(std::span<const Watched> copy) override {
    watched_ = copy;
    highest_ = -1;
    for (const Watched& watched : copy) highest_ = std::max(highest_, watched.fd);
    for (BitSet* set : {&read_, &write_}) set->clear(highest_ + 1);
    for (const Watched& watched : copy) {
      if ((watched.interest & kRead) != 0) read_.add(watched.fd);
      if ((watched.interest & kWrite) != 0) write_.add(watched.fd);
    }
  }

  int ask(int timeout_ms) override {
    timeval limit{timeout_ms / 1000, (timeout_ms % 1000) * 1000};
    any_closed_ = false;
    readable_ = read_;
    writable_ = write_;
    const int count = ask_kernel(timeout_ms < 0 ? nullptr : &limit);
    return count == -EBADF ? ask_about_the_open() : count;
  }

  std::uint32_t answer(std::size_t, const Watched& watched) const override {
    if (any_closed_ && closed_.has(watched.fd)) return kHangup;
    return (readable_.has(watched.fd) ? kRead : kNone) | (writable_.has(watched.fd) ? kWrite : kNone);
  }

  int ask_kernel(timeval* limit) {
    const int bits = ::select(highest_ + 1, readable_.data(), writable_.data(), nullptr, limit);
    // It counts bits, of which a descriptor may have two.
    return bits >= 0 ? std::min(bits, static_cast<int>(watched_.size())) : -errno;
  }

  int ask_about_the_open() {
    any_closed_ = true;
    closed_.clear(highest_ + 1);
    readable_ = read_;
    writable_ = write_;
    int closed = 0;
    for (const Watched& watched : watched_) {
      if (::fcntl(watched.fd, F_GETFD) >= 0) continue;
      for (BitSet* set : {&readable_, &writable_}) set->remove(watched.fd);
      closed_.add(watched.fd);
      ++closed;
    }
    timeval at_once{};
    const int count = ask_kernel(&at_once);
    return count >= 0 ? closed + count : count;
  }

  std::span<const Watched> watched_;
  int highest_ = -1;
  BitSet read_;
  BitSet write_;
  BitSet readable_;
  BitSet writable_;
  BitSet closed_;  // good when any_closed_
  bool any_closed_ = false;
};

}  // namespace

std::unique_ptr<Selector> make_select_selector() {
  return std::make_unique<SelectSelector>();
}

}  // namespace skein
