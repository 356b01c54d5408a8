// The record of a stream, and the phases it goes through. Only the engine changes a phase.
//
//                        accepted              connect()
//                  ┌──────────────── new ─────────────────▶ kConnecting ── errno, abort() ──▶ kClosed
//                  ▼                                             │
//                kOpen ◀─────────────── connected ───────────────┘
//                  │ └──── error, abort() ──────────────────────────────────────────────────▶ kClosed
//                  │ close()
//                  ▼
//              kFlushing ── error, abort() ─────────────────────────────────────────────────▶ kClosed
//                  │ outbox empty
//                  ├── the peer's FIN was seen ─────────────────────────────────────────────▶ kClosed
//                  └── it was not ──▶ kLingering ── its FIN, an error, two sweeps ──────────▶ kClosed
//
// kLingering: the program was told CLOSED and the handle is void for it; our FIN is out and the descriptor stays open,
// reading and dropping, until the peer's FIN: a close(2) with unread bytes would send a reset that destroys what the
// peer has not read yet (RFC 1122, 4.2.2.13).
//
// The combinations that occur (- is either; `dirty` and `notify_drain` go with every one):
//
//     phase        reading  eof  shut_asked  shut  sending   meaning
//     kConnecting  0        0    0           0     0         the kernel connects
//     kOpen        1        0    0           0     -         both directions are open
//     kOpen        0        0    -           -     -         paused: unread bytes wait in the kernel
//     kOpen        -        1    0           0     -         the peer has half-closed; the program may still write
//     kOpen        -        -    1           0     -         our FIN follows what is in the outbox
//     kOpen        -        -    1           1     0         our FIN is out, nothing more may be written
//     kFlushing    0        -    -           0     -         close() waits for the outbox to run empty
//     kFlushing    0        -    1           1     0         the same, after our FIN: it ends at the next flush
//     kLingering   1        -    -           1     0         see above; `eof` only when a filter's closing record came
//     kLingering   -        -    -           0     -         a filter failed: what it says last is sent, then our FIN
//     kClosed      -        -    -           -     -         only the backend's operations in flight hold the slot
#pragma once

#include <cstdint>
#include <memory>

#include "engine/endpoint.h"
#include "engine/filter_stage.h"
#include "engine/outbox.h"

namespace skein {

struct Connection : Endpoint {
  static constexpr HandleKind kKind = HandleKind::kConnection;

  std::uint8_t sweeps = 0;        // lingering: how many sweeps it has seen
  bool reading : 1 = false;       // the program wants bytes
  bool eof : 1 = false;           // the peer's FIN was seen
  bool shut_asked : 1 = false;    // FIN once the outbox is empty
  bool shut : 1 = false;          // our FIN is out
  bool notify_drain : 1 = false;  // report when the outbox runs empty
  bool dirty : 1 = false;         // listed for the next flush
  bool sending : 1 = false;       // a send is in flight, or waits to be tried again: a later one waits for its end
  std::uint32_t expect = 0;       // bytes the next read will probably bring
  Outbox outbox;
  std::unique_ptr<FilterStage> stage;  // of a connection with a filter
};
// An idle connection costs this and nothing else.
static_assert(sizeof(Connection) <= 56 + 2 * sizeof(Descriptor));

}  // namespace skein
