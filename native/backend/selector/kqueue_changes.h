// The changes that a kqueue's list of descriptors is to get: gathered, and handed over in one call.
//
// Reading and writing are filters, each with a registration of its own. Which ones a descriptor has stands in filters_,
// so that only differences go to the kernel.
#pragma once

#include <sys/event.h>
#include <sys/time.h>
#include <sys/types.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "backend/interest.h"
#include "backend/selector/selector.h"
#include "engine/handle.h"

namespace skein::kqueue {

using Event = struct kevent;

// What kevent(2) counts in.
#if defined(__NetBSD__)
using Count = std::size_t;
#else
using Count = int;
#endif

template <typename Filter, typename Flags>
Event make_event(int ident, Filter filter, Flags flags, Handle handle) {
  Event event{};
  event.ident = static_cast<decltype(event.ident)>(ident);
  event.filter = static_cast<decltype(event.filter)>(filter);
  event.flags = static_cast<decltype(event.flags)>(flags);
  event.udata = reinterpret_cast<decltype(event.udata)>(static_cast<std::intptr_t>(handle));
  return event;
}

class Changes {
 public:
  // The descriptor is to be waited for so from the next submit() on, and has nothing registered yet.
  void add(int fd, std::uint32_t interest, Handle handle);
  // As add(), for one that was added.
  void modify(int fd, std::uint32_t interest, Handle handle);
  bool empty() const { return gathered_.empty(); }
  // Hands them over. 0, or the negative errno of the first that is refused; each goes into `refused` and counts as
  // removed. What never reached the kernel is gathered again.
  int submit(int queue, std::vector<Ready>& refused);

 private:
  int hand_over(int queue, std::span<Event> part, std::vector<Ready>& refused);

  std::vector<std::uint8_t> filters_;  // by descriptor: those it has, or will have after submit()
  std::vector<Event> gathered_;
  std::vector<Event> handed_;  // on their way to the kernel
  std::array<Event, 128> receipts_;
};

}  // namespace skein::kqueue
