#include "engine/connection_table.h"

#include <new>

namespace skein {

Connection* ConnectionTable::add() {
  std::uint32_t slot;
  if (!free_.empty()) {
    slot = free_.back();
    free_.pop_back();
  } else {
    if (used_ == kSlotCount) return nullptr;
    if ((used_ & (kPageSlots - 1)) == 0) {
      std::unique_ptr<Connection[]> page(new (std::nothrow) Connection[kPageSlots]);
      if (page == nullptr) return nullptr;
      pages_.push_back(std::move(page));
    }
    slot = used_++;
    at(slot).handle = make_handle(slot, 0);
  }
  return &at(slot);
}

void ConnectionTable::remove(Connection& connection) {
  const std::uint32_t slot = slot_of(connection.handle);
  const std::uint32_t generation = (generation_of(connection.handle) + 1) & (kGenerationCount - 1);
  connection = Connection{};
  connection.handle = make_handle(slot, generation);
  free_.push_back(slot);
}

}  // namespace skein
