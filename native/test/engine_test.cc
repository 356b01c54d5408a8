// The engine over real loopback sockets, without Node: the program is a small echo server and its clients.
#include "engine/engine.h"

#include <dirent.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "backend/registry.h"
#include "net/socket.h"
#include "test/calls.h"
#include "test/test.h"

namespace skein {

namespace {

using test::Call;

const char* backend() {
  const char* asked = std::getenv("SKEIN_REACTOR");
  return asked == nullptr ? "epoll" : asked;
}

// A program that keeps what it is told, and calls `on_data` for bytes.
class World final : public Program {
 public:
  explicit World(std::size_t records = 64)
      : words(records * 4), arena(64 * 1024), engine(find_backend(backend())->make(), *this, {words, arena}) {
    opened = engine.open();
    for (int i = 0; i < 4; ++i) supply();
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

  int listen() {
    Address address;
    parse_address("127.0.0.1", 0, address);
    const int handle = engine.listen(address, 128, false);
    if (handle >= 0) net::local_address(engine.descriptor(handle), port);
    return handle;
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
  std::vector<std::vector<std::uint8_t>> slabs;
  std::size_t current = static_cast<std::size_t>(-1);
  Address port;
  std::map<Handle, Fate> fates;
  std::vector<Handle> accepted;
  std::function<void(Handle, std::span<const std::uint8_t>)> on_data;
  std::function<void(Handle)> on_eof;
  std::map<Handle, std::uint32_t> ready;
  std::function<void(Handle, std::uint32_t)> on_ready;
  int opened = 0;
  int listener_errors = 0;
  bool borrows = false;
  Engine engine;

 private:
  void supply() {
    slabs.emplace_back(64 * 1024);
    engine.supply_slab(slabs.back());
  }

  void read(Kind kind, Handle handle, std::int32_t a, std::int32_t b) {
    const auto at = static_cast<std::size_t>(a);
    const auto length = static_cast<std::size_t>(b);
    switch (kind) {
      case Kind::kAccepted:
        accepted.push_back(a);
        fates[a] = Fate{.connected = true};
        engine.set_borrows(a, borrows);
        break;
      case Kind::kConnected:
        fates[handle] = Fate{.connected = a == 0, .closed = a != 0, .error = a};
        break;
      case Kind::kDataBorrowed:
        data(handle, std::span(arena).subspan(at, length));
        break;
      case Kind::kDataOwned:
        data(handle, std::span(slabs[current]).subspan(at, length));
        break;
      case Kind::kNextSlab:
        ++current;
        supply();
        break;
      case Kind::kReadEof:
        fates[handle].ended = true;
        if (on_eof) on_eof(handle);
        break;
      case Kind::kWriteShut:
        fates[handle].shut = true;
        break;
      case Kind::kClosed:
        CHECK(!fates[handle].closed);
        fates[handle].closed = true;
        fates[handle].error = a;
        break;
      case Kind::kReady:
        ready[handle] |= static_cast<std::uint32_t>(a);
        if (on_ready) on_ready(handle, static_cast<std::uint32_t>(a));
        break;
      case Kind::kListenerError:
        ++listener_errors;
        break;
      case Kind::kWriteDrained:
        break;
    }
  }

  void data(Handle handle, std::span<const std::uint8_t> bytes) {
    CHECK(!fates[handle].closed);
    fates[handle].bytes.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (on_data) on_data(handle, bytes);
  }
};

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::size_t count_descriptors() {
  std::size_t count = 0;
  DIR* directory = ::opendir("/proc/self/fd");
  while (::readdir(directory) != nullptr) ++count;
  ::closedir(directory);
  return count;
}

// libkqueue closes its own on another thread: there, the number that stays.
std::size_t open_descriptors() {
  std::size_t count = count_descriptors();
  if (std::string_view(backend()) != "kqueue") return count;
  for (int same = 0; same < 50; ++same) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const std::size_t now = count_descriptors();
    if (now != count) same = 0;
    count = now;
  }
  return count;
}

// Echoes at the accepting end only.
void serve_echo(World& world) {
  world.on_data = [&world](Handle handle, std::span<const std::uint8_t> bytes) {
    for (const Handle server : world.accepted) {
      if (server == handle) world.engine.write(handle, bytes);
    }
  };
  world.on_eof = [&world](Handle handle) { world.engine.close(handle); };
}

}  // namespace

TEST("many connections echo byte for byte through few records and a small arena, owned and borrowed") {
  for (const bool borrows : {false, true}) {
    World world(16);
    world.borrows = borrows;
    serve_echo(world);
    world.listen();
    std::map<Handle, std::string> sent;
    for (int i = 0; i < 60; ++i)
      sent[world.connect()] = std::string(40'000 + static_cast<std::size_t>(i), static_cast<char>('A' + i % 26));
    CHECK(world.run([&] { return world.accepted.size() == 60; }));
    for (const auto& [handle, text] : sent) world.engine.write(handle, bytes_of(text));
    CHECK(world.run([&] {
      for (const auto& [handle, text] : sent) {
        if (world.fates[handle].bytes.size() < text.size()) return false;
      }
      return true;
    }));
    for (const auto& [handle, text] : sent) CHECK_EQUAL(world.fates[handle].bytes, text);
  }
}

TEST("what is written in a turn leaves in one send") {
  World world;
  world.listen();
  const Handle client = world.connect();
  CHECK(world.run([&] { return world.fates[client].connected && world.accepted.size() == 1; }));
  const std::uint64_t before = test::calls(Call::kSend) + test::calls(Call::kSendmsg);
  for (const char* piece : {"four", " small", " writes", "!"}) world.engine.write(client, bytes_of(piece));
  CHECK(world.run([&] { return world.fates[world.accepted[0]].bytes == "four small writes!"; }));
  CHECK_EQUAL(test::calls(Call::kSend) + test::calls(Call::kSendmsg) - before, 1);
}

TEST("pausing and resuming within a turn costs no system call") {
  World world;
  world.listen();
  const Handle client = world.connect();
  CHECK(world.run([&] { return world.fates[client].connected && world.accepted.size() == 1; }));
  const std::uint64_t before = test::calls(Call::kEpollCtl);
  for (int i = 0; i < 100; ++i) {
    world.engine.pause_reading(client);
    world.engine.resume_reading(client);
  }
  world.engine.settle();
  CHECK_EQUAL(test::calls(Call::kEpollCtl), before);
}

TEST("a paused connection that is reset does not keep the set ready") {
  World world;
  world.listen();
  const Handle client = world.connect();
  CHECK(world.run([&] { return world.fates[client].connected && world.accepted.size() == 1; }));
  world.engine.pause_reading(client);
  world.engine.abort(world.accepted[0]);
  world.engine.settle();
  const std::uint64_t before = test::wakeups();
  for (int i = 0; i < 50; ++i) world.engine.turn(1);
  CHECK(test::wakeups() - before <= 3);
  CHECK(!world.fates[client].closed);
  world.engine.resume_reading(client);
  CHECK(world.run([&] { return world.fates[client].closed; }));
  CHECK_EQUAL(world.fates[client].error, ECONNRESET);
}

TEST("half close: our FIN follows what was written, also after it was asked for, and the other way stays open") {
  World world;
  world.listen();
  const Handle client = world.connect();
  CHECK(world.run([&] { return world.fates[client].connected && world.accepted.size() == 1; }));
  const Handle server = world.accepted[0];
  world.engine.write(client, bytes_of("last"));
  world.engine.shutdown_write(client);
  world.engine.write(client, bytes_of(" words"));
  CHECK(world.run([&] { return world.fates[server].ended && world.fates[client].shut; }));
  CHECK_EQUAL(world.fates[server].bytes, std::string("last words"));
  CHECK_EQUAL(world.engine.write(client, bytes_of("too late")), -1);
  world.engine.write(server, bytes_of("heard"));
  CHECK(world.run([&] { return world.fates[client].bytes == "heard"; }));
}

TEST("a connection that closed while its peer sends lingers, and a sweep ends it") {
  World world;
  world.listen();
  const Handle client = world.connect();
  CHECK(world.run([&] { return world.fates[client].connected && world.accepted.size() == 1; }));
  world.engine.close(client);
  CHECK(world.run([&] { return world.fates[client].closed; }));
  CHECK_EQUAL(world.engine.stats().lingering, 1);
  CHECK_EQUAL(world.engine.sweep_lingering(), 1);
  CHECK_EQUAL(world.engine.sweep_lingering(), 0);
}

TEST("a stale handle is ignored by every call") {
  World world;
  world.listen();
  const Handle client = world.connect();
  CHECK(world.run([&] { return world.fates[client].connected; }));
  world.engine.abort(client);
  world.engine.settle();
  CHECK_EQUAL(world.engine.write(client, bytes_of("x")), -1);
  world.engine.close(client);
  world.engine.abort(client);
  world.engine.shutdown_write(client);
  world.engine.pause_reading(client);
  world.engine.resume_reading(client);
  world.engine.notify_drain(client, true);
  world.engine.resume_accept(client);
  CHECK_EQUAL(world.engine.descriptor(client), -1);
}

TEST("an engine that goes leaves no descriptor") {
  const std::size_t before = open_descriptors();
  {
    World world;
    world.listen();
    for (int i = 0; i < 20; ++i) world.connect();
    CHECK(world.run([&] { return world.accepted.size() == 20; }));
    CHECK(open_descriptors() > before + 40);
  }
  CHECK_EQUAL(open_descriptors(), before);
}

// --- torture ---------------------------------------------------------------------------------------------------------

namespace {

struct Fault {
  Call call;
  std::vector<int> errors;  // those of the call's man page
};

const std::vector<Fault> kFaults{
    {Call::kAccept4, {EAGAIN, EINTR, ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, EPROTO, ENETDOWN, EINVAL}},
    {Call::kConnect, {EINTR, ECONNREFUSED, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL, EACCES, EPERM, EAGAIN, EISCONN}},
    {Call::kRecv, {EAGAIN, EINTR, ECONNREFUSED, ECONNRESET, ENOMEM, ENOTCONN, ETIMEDOUT, EIO}},
    {Call::kSend, {EAGAIN, EINTR, ECONNRESET, EPIPE, ENOBUFS, ENOMEM, ENOTCONN, ETIMEDOUT, EIO}},
    {Call::kEpollCtl, {ENOMEM, ENOSPC, EPERM, EBADF, EEXIST, ENOENT}},
    {Call::kEpollWait, {EINTR, EBADF, EFAULT, EINVAL}},
    {Call::kKevent, {EINTR, ENOMEM, EACCES, EFAULT, EBADF, EINVAL}},
    {Call::kSocket, {EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES, EAFNOSUPPORT, EPROTONOSUPPORT}},
    {Call::kBind, {EADDRINUSE, EACCES, EADDRNOTAVAIL, EINVAL}},
    {Call::kListen, {EADDRINUSE, EBADF, EOPNOTSUPP}},
    {Call::kSetsockopt, {ENOPROTOOPT, EINVAL}},
    {Call::kGetsockopt, {ENOPROTOOPT, EINVAL}},
    {Call::kShutdown, {ENOTCONN, EINVAL}},
    {Call::kClose, {EINTR, EIO}},
};

constexpr std::size_t kClients = 3;

// A listener, three clients that echo twenty messages each and close. How many connections an error reached.
int scenario(bool& finished) {
  World world;
  if (world.opened < 0) {
    finished = true;
    return 1;
  }
  serve_echo(world);
  const int listener = world.listen();
  if (listener < 0) {
    finished = true;
    return 1;
  }
  int failed = 0;
  std::vector<Handle> clients;
  for (std::size_t i = 0; i < kClients; ++i) {
    const int client = world.connect();
    if (client < 0) {
      ++failed;
    } else {
      clients.push_back(client);
    }
  }
  const std::string expected(20 * 64, 'm');
  std::map<Handle, std::size_t> sent;
  finished = world.run([&] {
    bool all = true;
    world.engine.resume_accept(listener);
    for (const Handle client : clients) {
      World::Fate& fate = world.fates[client];
      if (fate.closed) continue;
      all = false;
      if (!fate.connected || fate.bytes.size() < sent[client]) continue;
      if (sent[client] < expected.size()) {
        world.engine.write(client, bytes_of(std::string(64, 'm')));
        sent[client] += 64;
      } else {
        world.engine.close(client);
      }
    }
    for (const Handle server : world.accepted) all = all && world.fates[server].closed;
    return all;
  });
  for (const Handle client : clients) {
    const World::Fate& fate = world.fates[client];
    // An error at the other end shows here as an end that came too soon.
    if (fate.error != 0 || fate.bytes != expected) {
      ++failed;
    }
    CHECK_EQUAL(fate.bytes, expected.substr(0, fate.bytes.size()));
  }
  return failed;
}

}  // namespace

TEST("the Nth system call fails with each of its errors: no hang, and one connection at most is hurt") {
  const std::size_t before = open_descriptors();
  int faults = 0;
  for (const Fault& fault : kFaults) {
    for (const int error : fault.errors) {
      for (unsigned nth = 1; nth <= 20; ++nth) {
        test::set_context(std::string(test::name_of(fault.call)) + " " + std::to_string(nth) + " fails with errno " +
                          std::to_string(error));
        bool finished = false;
        const test::FailNth failure(fault.call, nth, error);
        const int failed = scenario(finished);
        if (!failure.happened()) break;
        ++faults;
        CHECK(finished);
        CHECK(failed <= 1);
      }
    }
  }
  test::set_context("");
  CHECK(faults > 300);
  CHECK_EQUAL(open_descriptors(), before);
}

}  // namespace skein
