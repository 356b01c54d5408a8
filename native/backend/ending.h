// What becomes of a descriptor whose endpoint ends.
#pragma once

#include <cstdint>

#include "net/socket.h"

namespace skein {

// It is closed, closed with a reset, or left to whom it belongs.
enum class Ending : std::uint8_t { kClose, kReset, kLeaveOpen };

inline void close_as(Descriptor fd, Ending ending) {
  if (ending == Ending::kReset) {
    net::close_with_reset(fd);
  } else if (ending == Ending::kClose) {
    net::close(fd);
  }
}

}  // namespace skein
