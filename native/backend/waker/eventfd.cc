// eventfd(2): one counter, so that many wakes cost one read.
#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>

#include "backend/waker/waker.h"

namespace skein {

Waker::~Waker() {
  if (fd_ >= 0) ::close(fd_);
}

int Waker::open() {
  fd_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  return fd_ >= 0 ? 0 : -errno;
}

// A counter that is full is readable already, so a failed write loses nothing.
void Waker::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(fd_, &one, sizeof one);
}

void Waker::drain() {
  std::uint64_t count;
  [[maybe_unused]] const ssize_t got = ::read(fd_, &count, sizeof count);
}

}  // namespace skein
