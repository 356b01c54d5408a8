#include "engine/handle_table.h"

#include <memory>

namespace skein {

HandleTable::~HandleTable() {
  each<Connection>([](Connection& record) { std::destroy_at(&record); });
  each<Listener>([](Listener& record) { std::destroy_at(&record); });
  each<Watch>([](Watch& record) { std::destroy_at(&record); });
  for (const Page& page : pages_) ::operator delete(page.slots);
}

Handle HandleTable::take_slot(HandleKind kind, std::size_t stride, void*& place) {
  Queue& free = free_[static_cast<std::size_t>(kind)];
  if (free.first == kNoSlot && !add_page(kind, stride)) return kNoHandle;
  const std::uint32_t slot = free.first;
  Endpoint* endpoint = at(pages_[slot >> kPageBits].slots, slot & kSlotMask, stride);
  const FreeSlot link = endpoint->notes<FreeSlot>();
  free.first = link.next;
  if (link.next == kNoSlot) free.last = kNoSlot;
  place = endpoint;
  return make_handle(slot, link.generation);
}

bool HandleTable::add_page(HandleKind kind, std::size_t stride) {
  const auto first = static_cast<std::uint32_t>(pages_.size()) << kPageBits;
  if (first == kSlotCount) return false;
  auto* slots = static_cast<std::byte*>(::operator new(kPageSlots* stride, std::nothrow));
  if (slots == nullptr) return false;
  pages_.push_back({slots, static_cast<std::uint32_t>(stride), kind});
  for (std::uint32_t i = 0; i < kPageSlots; ++i) free_slot(kind, first + i, 0);
  return true;
}

void HandleTable::free_slot(HandleKind kind, std::uint32_t slot, std::uint32_t generation) {
  const Page& page = pages_[slot >> kPageBits];
  auto* endpoint = ::new (page.slots + std::size_t{slot & kSlotMask} * page.stride) Endpoint;
  endpoint->notes<FreeSlot>() = {kNoSlot, generation};
  Queue& free = free_[static_cast<std::size_t>(kind)];
  if (free.last == kNoSlot) {
    free.first = slot;
  } else {
    at(pages_[free.last >> kPageBits].slots, free.last & kSlotMask, page.stride)->notes<FreeSlot>().next = slot;
  }
  free.last = slot;
}

void HandleTable::remove(Handle handle) {
  Endpoint* endpoint = find(handle);
  if (endpoint == nullptr) return;
  const std::uint32_t slot = slot_of(handle);
  const HandleKind kind = pages_[slot >> kPageBits].kind;
  switch (kind) {
    case HandleKind::kConnection:
      std::destroy_at(static_cast<Connection*>(endpoint));
      break;
    case HandleKind::kListener:
      std::destroy_at(static_cast<Listener*>(endpoint));
      break;
    case HandleKind::kWatch:
      std::destroy_at(static_cast<Watch*>(endpoint));
      break;
  }
  free_slot(kind, slot, (generation_of(handle) + 1) & (kGenerationCount - 1));
}

}  // namespace skein
