// What names a socket: a small integer on POSIX, a SOCKET on Windows (where INVALID_SOCKET is -1, too).
#pragma once

#include <cstdint>

namespace skein {

#if defined(_WIN32)
using Descriptor = std::intptr_t;
#else
using Descriptor = int;
#endif

inline constexpr Descriptor kNoDescriptor = -1;

}  // namespace skein
