// The other end of a connection: a blocking socket, by calls that are not counted nor made to fail (see calls.h).
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "net/address.h"
#include "test/test.h"

namespace skein::test {

class Peer {
 public:
  explicit Peer(const Address& to) : fd_(::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    CHECK(fd_ >= 0 && ::connect(fd_, to.get(), to.length) == 0);
    // Only so that a test that fails comes to an end.
    const timeval patience{5, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  Peer(Peer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ~Peer() {
    if (fd_ >= 0) ::close(fd_);
  }

  int descriptor() const { return fd_; }
  void say(const std::string& text) { CHECK(::write(fd_, text.data(), text.size()) == std::ssize(text)); }
  void end() { CHECK(::shutdown(fd_, SHUT_WR) == 0); }
  void reset() {
    const linger at_once{1, 0};
    CHECK(::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once) == 0);
    ::close(std::exchange(fd_, -1));
  }
  // Waits for `bytes` bytes, the end or an error.
  std::string hear(std::size_t bytes) {
    std::string text(bytes, '\0');
    std::size_t got = 0;
    while (got < bytes) {
      const ssize_t count = ::read(fd_, text.data() + got, bytes - got);
      if (count <= 0) break;
      got += static_cast<std::size_t>(count);
    }
    text.resize(got);
    return text;
  }
  // As much as is taken at once; returns how much.
  std::size_t say_some(std::string_view text) {
    const ssize_t count = ::sendto(fd_, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0);
    return count > 0 ? static_cast<std::size_t>(count) : 0;
  }
  // At most `bytes` of what has come already.
  std::string hear_some(std::size_t bytes) {
    std::string text(bytes, '\0');
    const ssize_t count = ::recvfrom(fd_, text.data(), bytes, MSG_DONTWAIT, nullptr, nullptr);
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return text;
  }
  // Waits for what ends the connection: 0 is a FIN, otherwise an errno.
  int hear_end() {
    char byte;
    ssize_t count;
    while ((count = ::read(fd_, &byte, 1)) > 0) {
    }
    return count == 0 ? 0 : errno;
  }

 private:
  int fd_;
};

}  // namespace skein::test
