// A selector tells which descriptors are ready, level-triggered. Each is a small file with these verbs in this order.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "backend/interest.h"
#include "engine/handle.h"
#include "net/descriptor.h"

namespace skein {

struct Ready {
  Handle handle;
  std::uint32_t what;
  int error = 0;  // the errno, where it comes with the event: the kernel may have forgotten it after that
};

// What a selector's own waker is listed by. No connection has this handle: the sign bit is never set in one.
inline constexpr Handle kWakerHandle = -1;

class Selector {
 public:
  virtual ~Selector() = default;
  // Each returns 0 or a negative errno.
  virtual int open() = 0;
  virtual int add(Descriptor fd, std::uint32_t interest, Handle handle) = 0;
  virtual int modify(Descriptor fd, std::uint32_t interest, Handle handle) = 0;
  virtual int remove(Descriptor fd) = 0;
  // A selector may gather changes: whether it holds some, and hand them over. Each that is refused is added to
  // `refused` with its errno, and is not in the set. A negative errno when there is any, or when the kernel took none.
  virtual bool holds_changes() const { return false; }
  virtual int submit(std::vector<Ready>& /*refused*/) { return 0; }
  // How many of `ready` were filled. Waits at most `timeout_ms`, -1 for ever. May run on a thread of its own, while the
  // other verbs are called.
  virtual int wait(std::span<Ready> ready, int timeout_ms) = 0;
  // Ends a wait() under way, or the next one. Safe from every thread.
  virtual void wake() = 0;
  // Whether a descriptor that nobody shares leaves by itself when it is closed, at once as long as no other thread
  // waits.
  virtual bool forgets_closed() const = 0;
  virtual const char* name() const = 0;
  virtual int pollable_descriptor() const = 0;
};

#if defined(__linux__)
std::unique_ptr<Selector> make_epoll_selector();
#endif
#if defined(__APPLE__) || defined(__FreeBSD__) || defined(__OpenBSD__) || defined(__NetBSD__) || \
    defined(__DragonFly__) || defined(SKEIN_LIBKQUEUE)
#define SKEIN_HAS_KQUEUE 1
std::unique_ptr<Selector> make_kqueue_selector();
#endif
#if !defined(_WIN32)
std::unique_ptr<Selector> make_poll_selector();
#endif
std::unique_ptr<Selector> make_select_selector();

}  // namespace skein
