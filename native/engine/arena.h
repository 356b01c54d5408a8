// Where received bytes land.
//
// `Arena` is one fixed, cache-hot block that is written from the start again after each dispatch: for protocols that
// borrow, and for packed addresses.
//
//     |###########------------------|     # received since the last dispatch
//      ^0        ^used              ^size
//
// `Slabs` are memory given to the program for good: for protocols that own what they receive. The caller supplies them
// (in Node: ArrayBuffers that are not zeroed), keeps them alive, and supplies a new one for each that was used up; a
// record kNextSlab marks the place where the bytes go on in the next slab.
// Both are used on the loop's thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>

namespace skein {

class Arena {
 public:
  explicit Arena(std::span<std::uint8_t> memory) : memory_(memory) {}

  std::span<std::uint8_t> rest() const { return memory_.subspan(used_); }
  std::size_t used() const { return used_; }
  void take(std::size_t bytes) { used_ += bytes; }
  void reset() { used_ = 0; }

 private:
  std::span<std::uint8_t> memory_;
  std::size_t used_ = 0;
};

class Slabs {
 public:
  void supply(std::span<std::uint8_t> slab) { spare_.push_back(slab); }
  bool has_spare() const { return !spare_.empty(); }

  void next() {
    current_ = spare_.front();
    spare_.pop_front();
    used_ = 0;
  }

  std::span<std::uint8_t> rest() const { return current_.subspan(used_); }
  std::size_t used() const { return used_; }
  // Rounded up to eight bytes, so that each piece starts aligned.
  void take(std::size_t bytes) {
    used_ += (bytes + 7) & ~std::size_t{7};
    if (used_ > current_.size()) used_ = current_.size();
  }

 private:
  std::span<std::uint8_t> current_;
  std::size_t used_ = 0;
  std::deque<std::span<std::uint8_t>> spare_;
};

}  // namespace skein
