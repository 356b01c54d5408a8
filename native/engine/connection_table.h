// The table of connections: slots in pages that never move, a free list, generations.
//
// A pointer stays good for as long as its handle does. Memory grows a page at a time and is kept.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "engine/connection.h"

namespace skein {

class ConnectionTable {
 public:
  // A fresh connection with its handle set; nullptr when all slots are taken or the heap is exhausted.
  Connection* add();
  // The slot may be given out again, with the next generation.
  void remove(Connection& connection);

  // nullptr when the handle is stale.
  Connection* find(Handle handle) {
    const std::uint32_t slot = slot_of(handle);
    if (handle < 0 || slot >= used_) return nullptr;
    Connection& connection = at(slot);
    return connection.handle == handle && connection.phase != Phase::kFree ? &connection : nullptr;
  }

  template <typename Visit>
  void each(Visit visit) {
    for (std::uint32_t slot = 0; slot < used_; ++slot) {
      if (at(slot).phase != Phase::kFree) visit(at(slot));
    }
  }

 private:
  static constexpr std::uint32_t kPageBits = 8;
  static constexpr std::uint32_t kPageSlots = 1u << kPageBits;

  Connection& at(std::uint32_t slot) { return pages_[slot >> kPageBits][slot & (kPageSlots - 1)]; }

  std::vector<std::unique_ptr<Connection[]>> pages_;
  std::vector<std::uint32_t> free_;
  std::uint32_t used_ = 0;
};

}  // namespace skein
