// One piece of a gathered send. On POSIX it has the layout of `struct iovec` (asserted in net/posix.cc), so that an
// array of them goes to the kernel as it is.
#pragma once

#include <cstddef>
#include <span>

namespace skein {

struct Slice {
  void* data;
  std::size_t size;
};

inline std::size_t total_size(std::span<const Slice> slices) {
  std::size_t bytes = 0;
  for (const Slice& slice : slices) bytes += slice.size;
  return bytes;
}

}  // namespace skein
