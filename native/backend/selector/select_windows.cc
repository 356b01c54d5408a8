// select() of winsock.
//
//  a. A set is a list of sockets with their number before it. Its type holds FD_SETSIZE of them (64), but the list may
//     be as long as one likes.
//  b. A connect that failed shows in the third set, and nowhere else.
//  c. A closed socket makes the whole call fail: those that are closed are told alone then.
#include <cerrno>
#include <unordered_map>

#include "backend/selector/list_selector.h"
#include "net/socket.h"
#include "net/winsock.h"

namespace skein {

namespace {

class SocketSet {
 public:
  void clear() { words_.assign(1, 0); }
  void add(Descriptor fd) { words_.push_back(static_cast<SOCKET>(fd)); }

  // With the number of the sockets in its place; nullptr when there are none.
  fd_set* data() {
    auto* set = reinterpret_cast<fd_set*>(words_.data());
    set->fd_count = static_cast<u_int>(words_.size() - 1);
    return set->fd_count == 0 ? nullptr : set;
  }

  std::span<const SOCKET> sockets() const {
    const auto* set = reinterpret_cast<const fd_set*>(words_.data());
    return {words_.data() + 1, set->fd_count};
  }

 private:
  // The number is of 32 bits, and the sockets begin at the next multiple of their own size.
  static_assert(offsetof(fd_set, fd_array) == sizeof(SOCKET));
  std::vector<SOCKET> words_ = std::vector<SOCKET>(1);
};

class SelectSelector final : public ListSelector {
 public:
  const char* name() const override { return "select"; }

 private:
  bool reports_hangups_unasked() const override { return false; }
  void prepare(std::span<const Watched> copy) override {
    watched_ = copy;
    for (SocketSet* set : {&read_, &write_}) set->clear();
    for (const Watched& watched : copy) {
      if ((watched.interest & kRead) != 0) read_.add(watched.fd);
      if ((watched.interest & kWrite) != 0) write_.add(watched.fd);
    }
  }

  int ask(int timeout_ms) override {
    SocketSet readable = read_;
    SocketSet writable = write_;
    SocketSet failed = write_;
    timeval limit{timeout_ms / 1000, (timeout_ms % 1000) * 1000};
    const int count = ::select(0, readable.data(), writable.data(), failed.data(), timeout_ms < 0 ? nullptr : &limit);
    ready_.clear();
    if (count > 0) {
      note(readable, kRead);
      note(writable, kWrite);
      note(failed, kWrite | kHangup);
    } else if (count < 0) {
      const int error = net::last_error();
      if (error != -ENOTSOCK) return error;
      for (const Watched& watched : watched_) {
        if (net::get_option(watched.fd, net::Option::kKeepAlive) == -ENOTSOCK) {
          ready_[static_cast<SOCKET>(watched.fd)] = kHangup;
        }
      }
    }
    return static_cast<int>(ready_.size());
  }

  void note(const SocketSet& set, std::uint32_t what) {
    for (const SOCKET socket : set.sockets()) ready_[socket] |= what;
  }

  std::uint32_t answer(std::size_t, const Watched& watched) const override {
    const auto place = ready_.find(static_cast<SOCKET>(watched.fd));
    return place == ready_.end() ? kNone : place->second;
  }

  std::span<const Watched> watched_;
  SocketSet read_;
  SocketSet write_;
  std::unordered_map<SOCKET, std::uint32_t> ready_;
};

}  // namespace

std::unique_ptr<Selector> make_select_selector() {
  return std::make_unique<SelectSelector>();
}

}  // namespace skein
