// One connection or listener, and the states it goes through. Only engine.cc changes a phase.
//
//                 listen()                                connect()
//     kFree ───────────────▶ kListening        kFree ───────────────▶ kConnecting
//                               │ close()                     │ errno, abort() ──────────▶ kClosed
//                               ▼                             │ connected
//                            kClosed            accepted      ▼
//                                      kFree ─────────────▶ kOpen ── error, abort() ─────▶ kClosed
//                                                             │ close()
//                                                             ▼
//                                                          kFlushing ── error, abort() ──▶ kClosed
//                                                             │ outbox empty
//                               the peer's FIN was seen       │        it was not
//                            kClosed ◀────────────────────────┴──────────▶ kLingering ──▶ kClosed
//
// kPolled: a descriptor of the program's own, watched for readiness only; it is never closed here.
// kLingering: the program was told CLOSED and the handle is void for it; our FIN is out and the descriptor stays open,
// reading and dropping, until the peer's FIN: a close(2) with unread bytes would send a reset that destroys what the
// peer has not read yet (RFC 1122, 4.2.2.13).
// kClosed: the descriptor is closed; the slot is free again once the kernel has let go of all that was in flight, and
// every record that names it was read.
#pragma once

#include <cstdint>

#include "engine/handle.h"
#include "engine/outbox.h"
#include "net/descriptor.h"

namespace skein {

enum class Phase : std::uint8_t { kFree, kListening, kConnecting, kOpen, kFlushing, kLingering, kPolled, kClosed };

// The part of a connection that a backend works on.
struct Endpoint {
  Handle handle = 0;
  Descriptor fd = kNoDescriptor;
  // The backend's own business: what it waits for, what it has asked the kernel for, what it received in which turn,
  // and an errno that came with an event.
  std::uint32_t interest = 0;
  std::uint32_t in_flight = 0;
  std::uint32_t turn = 0;
  std::uint32_t received = 0;
  int broken = 0;
  Phase phase = Phase::kFree;
  bool watched = false;  // the backend's, too
};

struct Connection : Endpoint {
  bool reading : 1 = false;       // the program wants bytes
  bool borrows : 1 = false;       // received bytes go to the arena, not to a slab
  bool eof : 1 = false;           // the peer's FIN was seen
  bool shut_asked : 1 = false;    // FIN once the outbox is empty
  bool shut : 1 = false;          // our FIN is out
  bool notify_drain : 1 = false;  // report when the outbox runs empty
  bool dirty : 1 = false;         // listed for the next flush
  bool sending : 1 = false;       // the backend works on a send: a later one must wait for its end
  bool starving : 1 = false;      // listener: out of descriptors, until a whole backlog was accepted
  bool paused : 1 = false;        // listener: not accepting
  std::uint8_t sweeps = 0;        // lingering: how many sweeps it has seen
  std::uint32_t expect = 0;       // bytes the next read will probably bring
  Outbox outbox;
};

}  // namespace skein
