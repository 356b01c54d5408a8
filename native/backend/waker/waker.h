// A descriptor that any thread can make readable, to end a wait.
#pragma once

#include "net/descriptor.h"

namespace skein {

class Waker {
 public:
  Waker() = default;
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;
  ~Waker();

  // 0 or a negative errno.
  int open();
  Descriptor descriptor() const { return fd_; }
  // Makes the descriptor readable. Safe from every thread, and in a signal handler.
  void wake();
  // Makes it unreadable again.
  void drain();

 private:
  Descriptor fd_ = kNoDescriptor;
  [[maybe_unused]] int far_end_ = -1;  // of a pipe
};

}  // namespace skein
