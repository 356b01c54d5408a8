// The memory that received bytes land in, and packed addresses: one fixed block, small enough to stay in the
// processor's cache, written from the start again after each dispatch.
//
//     |###########------------------|     # received since the last dispatch
//      ^0        ^used              ^size
//
// The caller owns the memory and must supply memory that no program can take away: the engine writes to it as long as
// it lives. In Node a program can detach an ArrayBuffer it sees (postMessage() and structuredClone() with a transfer
// list, ArrayBuffer.prototype.transfer(), enqueue() of a byte stream), and the memory is freed or becomes somebody
// else's. So the arena is the memory of a WebAssembly.Memory, which refuses all of these, or an ArrayBuffer that no
// program ever sees: src/internet/engine/memory.ts makes it, and the layer above copies what a protocol is to own.
// Used on the loop's thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/check.h"

namespace skein {

class Arena {
 public:
  explicit Arena(std::span<std::uint8_t> memory) : memory_(memory) {}

  std::span<std::uint8_t> rest() const { return memory_.subspan(used_); }
  std::size_t used() const { return used_; }
  void take(std::size_t bytes) {
    SK_CHECK(bytes <= memory_.size() - used_);
    used_ += bytes;
  }
  void reset() { used_ = 0; }

 private:
  std::span<std::uint8_t> memory_;
  std::size_t used_ = 0;
};

}  // namespace skein
