// Counters of one engine, for tests of what a message may cost and for inspection. Plain integers: one thread writes.
#pragma once

#include <cstdint>

namespace skein {

struct Stats {
  std::uint64_t turns = 0;
  std::uint64_t crossings = 0;  // dispatches, each one call into the layer above
  std::uint64_t stale = 0;      // kernel events that named a connection that was gone
  std::uint64_t connections = 0;
  std::uint64_t lingering = 0;
};

}  // namespace skein
