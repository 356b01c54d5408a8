// The memory that io_uring receives into, before the bytes are copied to where the engine wants them: buffers that the
// kernel takes from a ring, whichever connection has bytes next.
//
// Since Linux 6.12 the kernel packs what it receives into one buffer until that is full: a few large buffers, of which
// the one in use stays in the processor's cache. Before, each receive takes a whole buffer: many small ones.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "backend/uring/ring.h"

namespace skein::uring {

class Buffers {
 public:
  static constexpr std::uint16_t kGroup = 1;

  Buffers() = default;
  Buffers(const Buffers&) = delete;
  Buffers& operator=(const Buffers&) = delete;
  ~Buffers();

  // 0 or a negative errno.
  int open(Ring& ring);
  // The bytes of a completion that has a buffer: once for each, in their order. They stay until give_back() of the same
  // completion.
  std::span<const std::uint8_t> take(const Completion& completion);
  void give_back(const Completion& completion);
  // While withheld, what is given back is not offered again: the kernel runs out of buffers, and receives no more into
  // them.
  void withhold(bool withheld);
  bool withheld() const { return withheld_; }
  // For a crowd that sends much at once: 512 KiB more, up to 4 MiB.
  void offer_more();

 private:
  int offer(Ring& ring, std::uint32_t count, std::uint32_t bytes, std::uint16_t flags);
  void add(std::uint16_t number);

  Buffer* ring_ = nullptr;
  std::uint8_t* memory_ = nullptr;
  std::size_t mapped_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t offered_ = 0;
  std::uint32_t bytes_ = 0;
  std::uint16_t tail_ = 0;
  bool withheld_ = false;
  std::vector<std::uint32_t> used_;  // of each buffer, what the kernel has filled
  std::vector<std::uint16_t> kept_;  // given back while withheld
};

}  // namespace skein::uring
