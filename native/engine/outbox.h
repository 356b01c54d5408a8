// An outbox holds what a connection wrote and the kernel has not taken yet. It owns copies: nobody's memory is
// referenced after write() returned.
//
//     head_ -> [ block |sent|####] -> [ block |########| ] -> [ block |###|   ] <- tail_
//
// Blocks come from a pool that all connections of an engine share, in four sizes; an outbox that is empty holds none,
// so that an idle connection costs nothing. The pool keeps a bounded number of free blocks of each size and takes from
// the heap only when it has none: a steady flow of messages allocates nothing.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <span>
#include <utility>

#include "engine/check.h"
#include "engine/slice.h"

namespace skein {

struct Block {
  Block* next;
  std::uint32_t size_class;
  std::uint32_t begin;
  std::uint32_t end;
  std::uint32_t capacity;

  std::uint8_t* bytes() { return reinterpret_cast<std::uint8_t*>(this + 1); }
};

class BlockPool {
 public:
  BlockPool() = default;
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  ~BlockPool() {
    for (Shelf& shelf : shelves_) {
      while (shelf.free != nullptr) std::free(std::exchange(shelf.free, shelf.free->next));
    }
  }

  // A block of the smallest size that holds `bytes`, or of the largest; nullptr when the heap is exhausted.
  Block* take(std::size_t bytes) {
    std::uint32_t size_class = 0;
    while (size_class + 1 < kSizes.size() && kSizes[size_class] - sizeof(Block) < bytes) ++size_class;
    Shelf& shelf = shelves_[size_class];
    Block* block = shelf.free;
    if (block != nullptr) {
      shelf.free = block->next;
      --shelf.count;
    } else {
      block = static_cast<Block*>(std::malloc(kSizes[size_class]));
      if (block == nullptr) return nullptr;
      ++allocated_;
      block->size_class = size_class;
      block->capacity = static_cast<std::uint32_t>(kSizes[size_class] - sizeof(Block));
    }
    block->next = nullptr;
    block->begin = 0;
    block->end = 0;
    return block;
  }

  void give(Block* block) {
    Shelf& shelf = shelves_[block->size_class];
    if (shelf.count * kSizes[block->size_class] >= kKeptBytesPerSize) {
      std::free(block);
      return;
    }
    block->next = shelf.free;
    shelf.free = block;
    ++shelf.count;
  }

  // Blocks taken from the heap since the start.
  std::uint64_t allocated() const { return allocated_; }

 private:
  struct Shelf {
    Block* free = nullptr;
    std::size_t count = 0;
  };
  static constexpr std::array<std::size_t, 4> kSizes{1024, 4096, 16384, 65536};
  static constexpr std::size_t kKeptBytesPerSize = 1 << 20;

  std::array<Shelf, kSizes.size()> shelves_{};
  std::uint64_t allocated_ = 0;
};

class Outbox {
 public:
  std::size_t pending() const { return pending_; }
  bool empty() const { return pending_ == 0; }

  // Copies `bytes` to the end. False when the heap is exhausted: then the outbox holds a part of them.
  bool append(BlockPool& pool, std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
      if (tail_ == nullptr || tail_->end == tail_->capacity) {
        // A stream that keeps growing gets larger and larger blocks.
        Block* block = pool.take(std::max(bytes.size(), std::min<std::size_t>(pending_, 1 << 16)));
        if (block == nullptr) return false;
        (tail_ == nullptr ? head_ : tail_->next) = block;
        tail_ = block;
      }
      const std::size_t piece = std::min<std::size_t>(bytes.size(), tail_->capacity - tail_->end);
      std::memcpy(tail_->bytes() + tail_->end, bytes.data(), piece);
      tail_->end += static_cast<std::uint32_t>(piece);
      pending_ += piece;
      bytes = bytes.subspan(piece);
    }
    return true;
  }

  // Points `slices` at the first bytes; returns how many entries were filled.
  std::size_t gather(std::span<Slice> slices) const {
    std::size_t used = 0;
    for (Block* block = head_; block != nullptr && used < slices.size(); block = block->next) {
      slices[used++] = {block->bytes() + block->begin, block->end - block->begin};
    }
    return used;
  }

  void consume(BlockPool& pool, std::size_t bytes) {
    SK_CHECK(bytes <= pending_);
    pending_ -= bytes;
    while (head_ != nullptr) {
      const std::size_t here = head_->end - head_->begin;
      if (bytes < here) {
        head_->begin += static_cast<std::uint32_t>(bytes);
        return;
      }
      bytes -= here;
      Block* done = head_;
      head_ = done->next;
      pool.give(done);
    }
    tail_ = nullptr;
  }

  void clear(BlockPool& pool) { consume(pool, pending_); }

 private:
  Block* head_ = nullptr;
  Block* tail_ = nullptr;
  std::size_t pending_ = 0;
};

}  // namespace skein
