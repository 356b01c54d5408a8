// The completions array: what the engine tells the layer above, four 32-bit words a record.
//
//     | kind | handle | a | b |  kind | handle | a | b | ...
//
// The memory belongs to the caller (an Int32Array in Node) and is written only between two dispatches. A record that
// comes up while the array is full or is being read waits in `overflow_` and leads the next dispatch; only rare records
// (closes, errors, drains) do, because receiving and accepting look for room first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/check.h"
#include "engine/close_reason.h"
#include "engine/handle.h"

namespace skein {

// Mirrored by `Completion` in src/native.ts.
enum class Kind : std::int32_t {
  kAccepted = 1,        // handle = listener, a = new handle, b = arena offset of the packed peer address
  kConnected = 2,       // a = errno, 0 when connected; otherwise the handle is void
  kData = 3,            // a = arena offset, b = length; good until the dispatch ends
  kReadEof = 4,         // the peer's FIN
  kWriteDrained = 5,    // the outbox ran empty
  kWriteShut = 6,       // our FIN is out
  kClosed = 7,          // a = errno, b = CloseReason; the handle is void
  kListenerError = 8,   // a = errno, b = 1 for the first of an episode, 2 for a later one; accepting is paused
  kReady = 9,           // a watched descriptor: a = what it is ready for (kRead, kWrite, kHangup of backend/interest.h)
  kBackendFailed = 10,  // no handle; a = errno, b = 1 while it is tried again, 2 when it has failed for too long
  kFilter = 11          // a = what the connection's filter tells (Filter::take_events), 0: it has begun
};

struct Record {
  Kind kind;
  Handle handle;
  std::int32_t a;
  std::int32_t b;
};
static_assert(sizeof(Record) == 16);

class Completions {
 public:
  explicit Completions(std::span<std::int32_t> words) : records_(reinterpret_cast<Record*>(words.data())) {
    capacity_ = words.size() / 4;
    SK_CHECK(capacity_ >= 4);
  }

  std::size_t room() const { return reading_ ? 0 : capacity_ - count_; }
  bool empty() const { return count_ == 0 && overflow_.empty(); }

  void push(Kind kind, Handle handle, std::int32_t a = 0, std::int32_t b = 0) {
    const Record record{kind, handle, a, b};
    if (room() == 0 || !overflow_.empty()) {
      overflow_.push_back(record);
    } else {
      records_[count_++] = record;
    }
  }

  // How many records are ready to be read; from here to end_reading() the array does not change.
  std::size_t begin_reading() {
    fill();
    reading_ = true;
    return count_;
  }

  // Those that are ready to be read.
  std::span<const Record> records() const { return {records_, count_}; }

  void end_reading() {
    reading_ = false;
    count_ = 0;
    fill();
  }

 private:
  void fill() {
    std::size_t moved = 0;
    while (moved < overflow_.size() && count_ < capacity_) records_[count_++] = overflow_[moved++];
    overflow_.erase(overflow_.begin(), overflow_.begin() + static_cast<std::ptrdiff_t>(moved));
  }

  Record* records_;
  std::size_t capacity_;
  std::size_t count_ = 0;
  bool reading_ = false;
  std::vector<Record> overflow_;
};

}  // namespace skein
