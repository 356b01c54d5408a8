// A program over an engine and real loopback sockets, without Node.
#pragma once

#include <dirent.h>

#include <functional>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "backend/registry.h"
#include "engine/engine.h"
#include "net/socket.h"
#include "test/test.h"

namespace skein::test {

// A program that keeps what it is told, and calls `on_data` for bytes.
class World : public Program {
 public:
  explicit World(const BackendEntry& backend, std::size_t records = 64)
      : words(records * 4), arena(64 * 1024), engine(backend.make(), *this, {words, arena}) {
    opened = engine.open();
  }

  bool dispatch(std::size_t records) override {
    for (std::size_t i = 0; i < records; ++i) {
      const std::int32_t* word = &words[i * 4];
      read(static_cast<Kind>(word[0]), word[1], word[2], word[3]);
    }
    return true;
  }

  void settle_soon() override {}

  // Turns until `done`, each waiting a moment; false when it does not come.
  bool run(const std::function<bool()>& done) {
    for (int i = 0; i < 4000; ++i) {
      if (done()) return true;
      engine.settle();
      if (done()) return true;
      engine.turn(5);
    }
    return false;
  }

  // For what does not show from outside.
  void turns(int count) {
    for (int i = 0; i < count; ++i) {
      engine.settle();
      engine.turn(5);
    }
  }

  int listen() {
    Address address;
    parse_address("127.0.0.1", 0, address);
    const int handle = engine.listen(address, 128, false);
    if (handle < 0) return handle;
    const int result = net::local_address(engine.descriptor(handle), port);
    return result < 0 ? result : handle;
  }

  int connect() { return engine.connect(port, nullptr); }

  struct Fate {
    bool connected = false;
    bool ended = false;
    bool closed = false;
    bool shut = false;
    int error = 0;
    std::string bytes = {};
  };

  std::vector<std::int32_t> words;
  std::vector<std::uint8_t> arena;
  Address port;
  std::map<Handle, Fate> fates;
  std::vector<Handle> accepted;
  std::vector<std::uint16_t> from;  // the peers' ports, as accepted[] was told them
  std::function<void(Handle, std::span<const std::uint8_t>)> on_data;
  std::function<void(Handle)> on_eof;
  std::function<void(Handle)> on_closed;
  std::map<Handle, std::uint32_t> ready;
  std::function<void(Handle, std::uint32_t)> on_ready;
  std::map<Handle, std::uint32_t> told;  // by filters
  std::function<void(Handle, std::uint32_t)> on_filter;
  int opened = 0;
  int backend_trouble = 0;  // errnos, of kBackendFailed
  int backend_error = 0;
  int listener_errors = 0;
  int listener_error = 0;  // the latest
  int starvations = 0;     // those of them that were the first of an episode
  std::size_t echoed = 0;  // bytes that serve_echo() has sent back
  Engine engine;

 private:
  void read(Kind kind, Handle handle, std::int32_t a, std::int32_t b) {
    const auto at = static_cast<std::size_t>(a);
    const auto length = static_cast<std::size_t>(b);
    switch (kind) {
      case Kind::kAccepted:
        accepted.push_back(a);
        from.push_back(packed_port(std::span(arena).subspan(length)));
        fates[a] = Fate{.connected = true};
        break;
      case Kind::kConnected:
        fates[handle] = Fate{.connected = a == 0, .closed = a != 0, .error = a};
        break;
      case Kind::kData:
        data(handle, std::span(arena).subspan(at, length));
        break;
      case Kind::kReadEof:
        CHECK(!fates[handle].closed);
        fates[handle].ended = true;
        if (on_eof) on_eof(handle);
        break;
      case Kind::kWriteShut:
        CHECK(!fates[handle].closed);
        fates[handle].shut = true;
        break;
      case Kind::kClosed:
        CHECK(!fates[handle].closed);
        fates[handle].closed = true;
        fates[handle].error = a;
        if (on_closed) on_closed(handle);
        break;
      case Kind::kReady:
        ready[handle] |= static_cast<std::uint32_t>(a);
        if (on_ready) on_ready(handle, static_cast<std::uint32_t>(a));
        break;
      case Kind::kListenerError:
        ++listener_errors;
        listener_error = a;
        if (b == 1) ++starvations;
        break;
      case Kind::kBackendFailed:
        (b == 2 ? backend_error : backend_trouble) = a;
        break;
      case Kind::kFilter:
        told[handle] |= static_cast<std::uint32_t>(a);
        if (on_filter) on_filter(handle, static_cast<std::uint32_t>(a));
        break;
      case Kind::kWriteDrained:
        CHECK(!fates[handle].closed);
        break;
    }
  }

  static std::uint16_t packed_port(std::span<const std::uint8_t> address) {
    return static_cast<std::uint16_t>(address[2] | address[3] << 8);
  }

  void data(Handle handle, std::span<const std::uint8_t> bytes) {
    CHECK(!fates[handle].closed);
    fates[handle].bytes.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (on_data) on_data(handle, bytes);
  }
};

inline std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

inline std::size_t open_descriptors() {
  std::size_t count = 0;
  DIR* directory = ::opendir("/proc/self/fd");
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

// Echoes at the accepting end only.
inline void serve_echo(World& world) {
  world.on_data = [&world](Handle handle, std::span<const std::uint8_t> bytes) {
    for (const Handle server : world.accepted) {
      if (server != handle) continue;
      world.engine.write(handle, bytes);
      world.echoed += bytes.size();
    }
  };
  world.on_eof = [&world](Handle handle) { world.engine.close(handle); };
}

}  // namespace skein::test
