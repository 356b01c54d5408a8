// A selector tells which descriptors are ready, level-triggered. Each is a small file with these verbs in this order.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "engine/handle.h"

namespace skein {

// Interests, and what is ready.
inline constexpr std::uint32_t kNone = 0;
inline constexpr std::uint32_t kRead = 1;
inline constexpr std::uint32_t kWrite = 2;
inline constexpr std::uint32_t kHangup = 4;

struct Ready {
  Handle handle;
  // kRead, kWrite, and kHangup when an error or the end of both directions is reported, which the kernel does unasked.
  std::uint32_t what;
};

class Selector {
 public:
  virtual ~Selector() = default;
  // Each returns 0 or a negative errno.
  virtual int open() = 0;
  virtual int add(int fd, std::uint32_t interest, Handle handle) = 0;
  virtual int modify(int fd, std::uint32_t interest, Handle handle) = 0;
  virtual int remove(int fd) = 0;
  // How many of `ready` were filled. Waits at most `timeout_ms`, -1 for ever.
  virtual int wait(std::span<Ready> ready, int timeout_ms) = 0;
  virtual const char* name() const = 0;
  virtual int pollable_descriptor() const = 0;
};

#if defined(__linux__)
std::unique_ptr<Selector> make_epoll_selector();
#endif

}  // namespace skein
