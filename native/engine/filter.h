// A filter stands between a connection's socket and its program: TLS is one. What the socket carries are *wire* bytes,
// what the program reads and writes is *plain*.
//
//     socket ─▶ receive window ─▶ receive() ─▶ arena ─▶ record DATA ─▶ program        wire in, plain out
//     socket ◀─ sealed outbox  ◀─  send()   ◀─ outbox ◀───── write() ── program       plain in, wire out
//
// A filter makes no system call and knows no engine, backend or handle: it turns spans into spans, is called by the
// engine on the loop's thread only, and belongs to its connection. The engine does the rest, the same above every
// backend (filtering.cc): it keeps wire bytes that the program does not want yet, sends what send() made, and closes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "engine/slice.h"

namespace skein {

class Filter {
 public:
  virtual ~Filter() = default;

  struct Received {
    std::size_t taken = 0;     // of the wire bytes
    std::size_t produced = 0;  // plain bytes in `plain`
    bool ended = false;        // the peer's closing record came: it sends nothing more
    int error = 0;  // an errno: the peer broke the protocol. What send() makes from here on (an alert) is sent
  };
  // Takes wire bytes in and gives plain ones out. It takes all that it can: what makes no whole record yet it keeps
  // itself. Less is taken only when `plain` is full. `wire` may be empty: then it gives what pending() told of.
  virtual Received receive(std::span<const std::uint8_t> wire, std::span<std::uint8_t> plain) = 0;
  // Plain bytes that the filter holds, and the next receive() gives out. At least 1 when there are some.
  virtual std::size_t pending() const = 0;

  struct Sent {
    std::size_t taken = 0;     // of the plain bytes
    std::size_t produced = 0;  // wire bytes in `wire`
    int error = 0;             // an errno: nothing more can be sealed
  };
  // Seals plain bytes, after what the filter itself has to say (a handshake, an alert, the closing record). It is
  // called until it produces nothing, at the latest at the end of each turn in which receive() was called or something
  // was written. `wire` has room for kWireBytes.
  virtual Sent send(std::span<const Slice> plain, std::span<std::uint8_t> wire) = 0;
  static constexpr std::size_t kWireBytes = 72 * 1024;

  // Wire bytes of the filter's own that send() has not given out yet. Above kOwnMost the engine stops receiving until
  // they are sent: otherwise a peer that makes the filter answer, and reads nothing, takes any amount of memory.
  virtual std::size_t unsent() const = 0;
  static constexpr std::size_t kOwnMost = 16 * 1024;

  // Whether send() takes plain bytes. Until then the engine goes on receiving although the program does not read.
  virtual bool established() const = 0;
  // Whether the program was asked something, and receive() takes nothing before it has answered.
  virtual bool waits() const { return false; }
  // What the program is to be told (a record kFilter): bits that the filter and the program agree on. Each is given
  // once.
  virtual std::uint32_t take_events() { return 0; }
  // All plain bytes were given to send(): the closing record, if there is one, is what send() makes next, and the last.
  virtual void close() = 0;
  // The socket ended without a closing record: 0 when that is an end as good as another, else the errno to report.
  virtual int truncated() = 0;
};

// Makes the filter of each connection that a listener accepts. Outlives the listener.
class FilterMaker {
 public:
  // nullptr refuses the connection.
  virtual std::unique_ptr<Filter> make() = 0;

 protected:
  ~FilterMaker() = default;
};

}  // namespace skein
