// What a connection with a filter has in addition.
//
//     wire_in ─▶ stash (while the program does not read) ─▶ filter ─▶ arena
//     outbox ─▶ filter ─▶ sealed ─▶ socket
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/filter.h"
#include "engine/outbox.h"

namespace skein {

struct FilterStage {
  std::unique_ptr<Filter> filter;
  Outbox sealed;                    // wire bytes that the kernel has not taken yet
  std::vector<std::uint8_t> stash;  // wire bytes that have come, and the program does not want yet
  bool closing = false;             // Filter::close() was called: nothing more is sealed
  bool wire_ended = false;          // the peer's FIN was seen
  bool listed = false;              // to be unstashed in the next round
  bool postponed = false;           // listed in Engine::postponed_
  bool throttled = false;           // the window is shut until the filter's own words were sent
  int failure = 0;                  // what receive() failed with; the program was told
};

// What is shared by all filtered connections of an engine.
struct WireBuffers {
  static constexpr std::size_t kReceiveBytes = 32 * 1024;
  std::vector<std::uint8_t> in = std::vector<std::uint8_t>(kReceiveBytes);
  std::vector<std::uint8_t> out = std::vector<std::uint8_t>(Filter::kWireBytes);
};

}  // namespace skein
