// One piece of a gathered send. On POSIX it has the layout of `struct iovec` (asserted in net/posix.cc), so that an
// array of them goes to the kernel as it is.
#pragma once

#include <cstddef>

namespace skein {

struct Slice {
  void* data;
  std::size_t size;
};

}  // namespace skein
