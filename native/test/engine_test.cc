// The engine over real loopback sockets, without Node, on every backend.
#include "engine/engine.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "test/backends.h"
#include "test/calls.h"
#include "test/peer.h"
#include "test/world.h"

namespace skein {

using test::bytes_of;
using test::Call;
using test::World;

TEST_ON_EACH_BACKEND("many connections echo byte for byte through few records and a small arena") {
  World world(backend, 16);
  test::serve_echo(world);
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

TEST_ON_EACH_BACKEND("what is written in a turn leaves in one send") {
  World world(backend);
  world.listen();
  const Handle client = world.connect();
  CHECK(world.run([&] { return world.fates[client].connected && world.accepted.size() == 1; }));
  const std::uint64_t before = test::calls(Call::kSend) + test::calls(Call::kSendmsg);
  for (const char* piece : {"four", " small", " writes", "!"}) world.engine.write(client, bytes_of(piece));
  CHECK(world.run([&] { return world.fates[world.accepted[0]].bytes == "four small writes!"; }));
  // None where the kernel is asked in another way.
  CHECK(test::calls(Call::kSend) + test::calls(Call::kSendmsg) - before <= 1);
}

TEST_ON_EACH_BACKEND("bytes of one connection never reach another, however many records wait to be read") {
  constexpr std::size_t kTalkers = 40;
  World world(backend, 8);
  world.listen();
  std::vector<Handle> clients;
  while (clients.size() < 2 * kTalkers) clients.push_back(world.connect());
  CHECK(world.run([&] { return world.accepted.size() == clients.size(); }));
  // In a dispatch between two receives, more is closed than there are records for.
  bool first = true;
  world.on_data = [&](Handle, std::span<const std::uint8_t>) {
    if (!std::exchange(first, false)) return;
    for (std::size_t i = kTalkers; i < clients.size(); ++i) world.engine.close(clients[i]);
  };
  std::vector<std::string> sent;
  for (std::size_t i = 0; i < kTalkers; ++i) {
    sent.push_back(std::string(100, static_cast<char>('0' + i)));
    world.engine.write(clients[i], bytes_of(sent.back()));
  }
  std::vector<std::string> heard;
  CHECK(world.run([&] {
    heard.clear();
    for (const Handle server : world.accepted) {
      if (!world.fates[server].bytes.empty()) heard.push_back(world.fates[server].bytes);
    }
    return heard.size() == kTalkers;
  }));
  std::sort(heard.begin(), heard.end());
  for (std::size_t i = 0; i < std::min(heard.size(), kTalkers); ++i) CHECK_EQUAL(heard[i], sent[i]);
}

TEST_ON_EACH_BACKEND("a connection that is closed just before its bytes are received still hears its peer's end") {
  constexpr std::size_t kPeers = 20;
  World world(backend, 8);
  world.listen();
  std::vector<test::Peer> peers;
  while (peers.size() < kPeers) peers.emplace_back(world.port);
  CHECK(world.run([&] { return world.accepted.size() == kPeers; }));
  world.on_data = [&](Handle, std::span<const std::uint8_t>) {
    for (const Handle server : world.accepted) world.engine.close(server);
  };
  for (test::Peer& peer : peers) peer.say("request");
  CHECK(world.run([&] { return world.engine.stats().lingering == kPeers; }));
  for (test::Peer& peer : peers) {
    peer.end();
    CHECK_EQUAL(peer.hear_end(), 0);
  }
  CHECK(world.run([&] { return world.engine.stats().lingering == 0; }));
}

TEST("pausing and resuming within a turn costs epoll no system call") {
  const BackendEntry* epoll = find_backend("epoll");
  if (epoll == nullptr) return;
  World world(*epoll);
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

TEST_ON_EACH_BACKEND("a paused connection that is reset does not keep the set ready") {
  World world(backend);
  world.listen();
  const Handle client = world.connect();
  CHECK(world.run([&] { return world.fates[client].connected && world.accepted.size() == 1; }));
  world.engine.pause_reading(client);
  world.engine.abort(world.accepted[0]);
  world.engine.settle();
  int woken = 0;
  for (int i = 0; i < 50; ++i) {
    if (world.engine.backend().wait(1)) ++woken;
    world.engine.deliver(1);
  }
  CHECK(woken <= 3);
  CHECK(!world.fates[client].closed);
  world.engine.resume_reading(client);
  CHECK(world.run([&] { return world.fates[client].closed; }));
  CHECK_EQUAL(world.fates[client].error, ECONNRESET);
}

TEST_ON_EACH_BACKEND(
    "half close: our FIN follows what was written, also after it was asked for, and the other way stays open") {
  World world(backend);
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

TEST_ON_EACH_BACKEND("a connection that closed while its peer sends lingers, and a sweep ends it") {
  World world(backend);
  world.listen();
  const Handle client = world.connect();
  CHECK(world.run([&] { return world.fates[client].connected && world.accepted.size() == 1; }));
  world.engine.close(client);
  CHECK(world.run([&] { return world.fates[client].closed; }));
  CHECK_EQUAL(world.engine.stats().lingering, 1);
  CHECK_EQUAL(world.engine.sweep_lingering(), 1);
  CHECK_EQUAL(world.engine.sweep_lingering(), 0);
}

TEST_ON_EACH_BACKEND("of too many lingering connections the oldest are closed") {
  constexpr std::size_t kPeers = 1100;
  constexpr std::size_t kMost = 1024;
  World world(backend, 64);
  world.listen();
  std::vector<test::Peer> peers;
  while (peers.size() < kPeers) {
    peers.emplace_back(world.port);
    CHECK(world.run([&] { return world.accepted.size() == peers.size(); }));
    world.engine.close(world.accepted.back());
    CHECK(world.run([&] { return world.fates[world.accepted.back()].closed; }));
  }
  CHECK(world.run([&] { return world.engine.stats().lingering == kMost; }));
  CHECK_EQUAL(peers.front().hear_end(), 0);
  CHECK_EQUAL(peers.back().hear_end(), 0);
  world.engine.sweep_lingering();
  CHECK_EQUAL(world.engine.sweep_lingering(), 0);
}

TEST_ON_EACH_BACKEND(
    "a descriptor of the program's that it closed while it was polled gives way to the port that takes its number") {
  World world(backend);
  std::array<int, 2> ends;
  if (!CHECK_EQUAL(::pipe(ends.data()), 0)) return;
  const int polled = world.engine.poll(ends[0], kRead);
  if (polled == -ENOTSUP) return;
  ::close(ends[0]);
  const int listener = world.listen();
  if (!CHECK(listener >= 0)) return;
  CHECK_EQUAL(world.engine.descriptor(listener), ends[0]);
  Handle client = world.connect();
  CHECK(world.run([&] { return world.fates[client].connected && world.accepted.size() == 1; }));
  CHECK(world.engine.set_interest(polled, kRead | kWrite) < 0);
  world.engine.abort(polled);
  client = world.connect();
  CHECK(world.run([&] { return world.fates[client].connected && world.accepted.size() == 2; }));
  CHECK(world.fates[polled].closed);
  CHECK_EQUAL(world.ready[polled], 0);
  ::close(ends[1]);
}

TEST_ON_EACH_BACKEND("a stale handle is ignored by every call") {
  World world(backend);
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

// libkqueue closes its own descriptors on a thread of its own, in its own time.
#if !defined(SKEIN_LIBKQUEUE)
TEST_ON_EACH_BACKEND("an engine that goes leaves no descriptor") {
  const std::size_t before = test::open_descriptors();
  {
    World world(backend);
    world.listen();
    for (int i = 0; i < 20; ++i) world.connect();
    CHECK(world.run([&] { return world.accepted.size() == 20; }));
    CHECK(test::open_descriptors() > before + 40);
  }
  CHECK_EQUAL(test::open_descriptors(), before);
}
#endif

}  // namespace skein
