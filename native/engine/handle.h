// A handle names a record (a connection, a listener, a watched descriptor) for everybody outside the engine.
//
//      31 30        20 19                  0
//     +--+------------+--------------------+
//     | 0| generation |        slot        |
//     +--+------------+--------------------+
//
// The slot indexes the handle table; the generation grows each time the slot is given out anew. A record or a
// kernel event that names an older generation is stale: recognised, counted, dropped. The sign bit stays clear, so that
// functions can return a handle or a negative errno in one 32-bit integer.
#pragma once

#include <cstdint>

namespace skein {

using Handle = std::int32_t;

// Names nothing: the sign bit is never set in a handle.
inline constexpr Handle kNoHandle = -1;

inline constexpr int kSlotBits = 20;
#ifndef SKEIN_GENERATION_BITS
#define SKEIN_GENERATION_BITS 11
#endif
inline constexpr int kGenerationBits = SKEIN_GENERATION_BITS;
inline constexpr std::uint32_t kSlotCount = 1u << kSlotBits;
inline constexpr std::uint32_t kGenerationCount = 1u << kGenerationBits;
static_assert(kSlotBits + kGenerationBits <= 31, "the sign bit belongs to errors");

constexpr std::uint32_t slot_of(Handle handle) {
  return static_cast<std::uint32_t>(handle) & (kSlotCount - 1);
}
constexpr std::uint32_t generation_of(Handle handle) {
  return static_cast<std::uint32_t>(handle) >> kSlotBits;
}
constexpr Handle make_handle(std::uint32_t slot, std::uint32_t generation) {
  return static_cast<Handle>(slot | (generation << kSlotBits));
}

}  // namespace skein
