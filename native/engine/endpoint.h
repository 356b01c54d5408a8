// What every record of the handle table begins with, and the only part of it that a backend sees.
//
//     Endpoint ◀── Connection   connection.h   a stream that is connected, or about to be
//              ◀── Listener     listener.h     a socket that accepts
//              ◀── Watch        watch.h        a descriptor of the program's own, watched for readiness only
//
// A record lives from HandleTable::add() until HandleTable::remove(); its phase tells what has happened to it. kClosed
// is the last one of every kind: the descriptor is closed, or given back, and the slot is freed once the kernel has let
// go of all that was in flight and every completion that names the handle was read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <type_traits>

#include "engine/handle.h"
#include "net/descriptor.h"

namespace skein {

enum class HandleKind : std::uint8_t { kConnection, kListener, kWatch };
inline constexpr std::size_t kHandleKinds = 3;

enum class Phase : std::uint8_t { kConnecting, kOpen, kFlushing, kLingering, kListening, kWatching, kClosed };

class Endpoint {
 public:
  Handle handle = kNoHandle;
  Descriptor fd = kNoDescriptor;

  // What the backend keeps for it: a type of the backend's own, all zeros when the endpoint begins.
  template <typename Notes>
  Notes& notes() {
    static_assert(sizeof(Notes) <= kNotesBytes && alignof(Notes) <= alignof(std::uint32_t));
    static_assert(std::is_trivially_copyable_v<Notes> && std::is_trivially_default_constructible_v<Notes>);
    return *std::launder(reinterpret_cast<Notes*>(notes_));
  }
  template <typename Notes>
  const Notes& notes() const {
    return const_cast<Endpoint*>(this)->notes<Notes>();
  }

 private:
  static constexpr std::size_t kNotesBytes = 16;
  alignas(std::uint32_t) std::byte notes_[kNotesBytes]{};

 public:
  Phase phase = Phase::kClosed;
  // Others may have its socket, too: a duplicate, or another process. Closing it here does not end it in the kernel.
  bool shared = false;
};

}  // namespace skein
