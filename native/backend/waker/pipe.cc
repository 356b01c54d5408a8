// pipe(2), where there is no eventfd(2): macOS and the BSDs.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "backend/waker/waker.h"

namespace skein {

Waker::~Waker() {
  for (const int end : {fd_, far_end_}) {
    if (end >= 0) ::close(end);
  }
}

int Waker::open() {
  std::array<int, 2> ends;
  if (::pipe(ends.data()) < 0) return -errno;
  fd_ = ends[0];
  far_end_ = ends[1];
  for (const int end : ends) {
    if (::fcntl(end, F_SETFL, O_NONBLOCK) < 0 || ::fcntl(end, F_SETFD, FD_CLOEXEC) < 0) return -errno;
  }
  return 0;
}

// A pipe that is full is readable already, so a failed write loses nothing.
void Waker::wake() {
  const char any = 0;
  [[maybe_unused]] const ssize_t written = ::write(far_end_, &any, 1);
}

void Waker::drain() {
  std::array<char, 256> any;
  while (::read(fd_, any.data(), any.size()) == static_cast<ssize_t>(any.size())) {
  }
}

}  // namespace skein
