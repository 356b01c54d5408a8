// Why a connection is gone. Mirrored by `CloseReason` in src/native.ts.
#pragma once

#include <cstdint>

namespace skein {

enum class CloseReason : std::uint8_t { kFlushed = 0, kAborted = 1, kError = 2 };

}  // namespace skein
