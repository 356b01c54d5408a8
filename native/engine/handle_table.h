// The handle table: from a handle to the record that it names.
//
//     slot ──▶ page (256 slots, one kind of record) ──▶ record      a handle of another generation finds nothing
//
//     pages_   | 0: listeners | 1: connections | 2: connections | 3: watches | ...
//                                  |record|record| free ─▶ free |record|
//
// Records of a kind stand side by side in pages that never move: a pointer stays good for as long as its handle does.
// What is new to a kind of handle is its record's type; nothing else here changes. Memory grows a page at a time and is
// kept.
// Free slots are used again in the order in which they became free, for each kind apart: that puts off for as long as
// possible the moment when a slot's generations have come round and an old handle names something new.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

#include "engine/connection.h"
#include "engine/endpoint.h"
#include "engine/listener.h"
#include "engine/watch.h"

namespace skein {

class HandleTable {
 public:
  HandleTable() = default;
  HandleTable(const HandleTable&) = delete;
  HandleTable& operator=(const HandleTable&) = delete;
  ~HandleTable();

  // A fresh record with its handle set; nullptr when all slots are taken or the heap is exhausted.
  template <typename Record>
  Record* add() {
    void* place = nullptr;
    const Handle handle = take_slot(Record::kKind, sizeof(Record), place);
    if (handle == kNoHandle) return nullptr;
    Record* record = ::new (place) Record;
    record->handle = handle;
    return record;
  }

  // The record goes; its slot may be given out again, with the next generation. Nothing happens when the handle is
  // stale.
  void remove(Handle handle);

  // nullptr when the handle is stale, or names another kind of record.
  template <typename Record>
  Record* find(Handle handle) {
    const std::uint32_t slot = slot_of(handle);
    const std::uint32_t number = slot >> kPageBits;
    if (handle < 0 || number >= pages_.size()) return nullptr;
    const Page& page = pages_[number];
    if (page.kind != Record::kKind) return nullptr;
    Record* record = static_cast<Record*>(static_cast<Endpoint*>(at(page.slots, slot & kSlotMask, sizeof(Record))));
    return record->handle == handle ? record : nullptr;
  }

  // A record of any kind; nullptr when the handle is stale.
  Endpoint* find(Handle handle) {
    const std::uint32_t slot = slot_of(handle);
    const std::uint32_t number = slot >> kPageBits;
    if (handle < 0 || number >= pages_.size()) return nullptr;
    const Page& page = pages_[number];
    Endpoint* endpoint = at(page.slots, slot & kSlotMask, page.stride);
    return endpoint->handle == handle ? endpoint : nullptr;
  }

  template <typename Record, typename Visit>
  void each(Visit visit) {
    for (std::size_t number = 0; number < pages_.size(); ++number) {
      if (pages_[number].kind != Record::kKind) continue;
      for (std::uint32_t i = 0; i < kPageSlots; ++i) {
        Endpoint* endpoint = at(pages_[number].slots, i, sizeof(Record));
        if (endpoint->handle != kNoHandle) visit(*static_cast<Record*>(endpoint));
      }
    }
  }

 private:
  static constexpr std::uint32_t kPageBits = 8;
  static constexpr std::uint32_t kPageSlots = 1u << kPageBits;
  static constexpr std::uint32_t kSlotMask = kPageSlots - 1;
  static constexpr std::uint32_t kNoSlot = kSlotCount;

  struct Page {
    std::byte* slots;
    std::uint32_t stride;
    HandleKind kind;
  };
  // A free slot holds an Endpoint without a handle, and these are its notes.
  struct FreeSlot {
    std::uint32_t next;
    std::uint32_t generation;  // of the next handle
  };
  struct Queue {
    std::uint32_t first = kNoSlot;
    std::uint32_t last = kNoSlot;
  };

  static Endpoint* at(std::byte* slots, std::uint32_t i, std::size_t stride) {
    return std::launder(reinterpret_cast<Endpoint*>(slots + i * stride));
  }
  Handle take_slot(HandleKind kind, std::size_t stride, void*& place);
  bool add_page(HandleKind kind, std::size_t stride);
  void free_slot(HandleKind kind, std::uint32_t slot, std::uint32_t generation);

  std::vector<Page> pages_;
  std::array<Queue, kHandleKinds> free_;  // by kind, the longest free first
};

}  // namespace skein
