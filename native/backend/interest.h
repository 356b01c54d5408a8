// What a descriptor is waited for, and what it is ready for.
#pragma once

#include <cstdint>

namespace skein {

inline constexpr std::uint32_t kNone = 0;
inline constexpr std::uint32_t kRead = 1;
inline constexpr std::uint32_t kWrite = 2;
// An error, or the end of both directions: the kernel reports it unasked.
inline constexpr std::uint32_t kHangup = 4;

}  // namespace skein
