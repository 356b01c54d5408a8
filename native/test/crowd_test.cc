// Many connections, and more than there are descriptors for, on every backend.
#include <cerrno>
#include <string>
#include <vector>

#include "test/backends.h"
#include "test/limits.h"
#include "test/peer.h"
#include "test/world.h"

namespace skein {

using test::bytes_of;
using test::OpenFiles;
using test::Peer;
using test::World;

TEST_ON_EACH_BACKEND("two thousand connections echo, and go") {
  constexpr std::size_t kCrowd = 2000;
  const OpenFiles raised(2 * kCrowd + 100);
  if (!CHECK(raised.granted())) return;
  World world(backend);
  test::serve_echo(world);
  world.listen();
  std::vector<Handle> clients;
  while (clients.size() < kCrowd) {
    // No more at once than the backlog holds.
    for (int i = 0; i < 100; ++i) clients.push_back(world.connect());
    CHECK(world.run([&] { return world.accepted.size() == clients.size(); }));
  }
  const auto each = [&](auto holds) {
    for (const Handle client : clients) {
      if (!holds(world.fates[client])) return false;
    }
    return true;
  };
  CHECK(world.run([&] { return each([](const World::Fate& fate) { return fate.connected; }); }));
  for (const Handle client : clients) world.engine.write(client, bytes_of("hello " + std::to_string(client)));
  CHECK(world.run([&] {
    for (const Handle client : clients) {
      if (world.fates[client].bytes != "hello " + std::to_string(client)) return false;
    }
    return true;
  }));
  for (const Handle client : clients) world.engine.close(client);
  CHECK(world.run([&] { return world.engine.stats().connections == 1; }));
  CHECK(each([](const World::Fate& fate) { return fate.closed && fate.error == 0; }));
}

TEST_ON_EACH_BACKEND("of many that have much to read, none waits long for another") {
  constexpr std::size_t kCrowd = 300;
  constexpr std::size_t kBytes = 60'000;
  World world(backend);
  world.listen();
  std::vector<Peer> peers;
  for (std::size_t i = 0; i < kCrowd; ++i) {
    peers.emplace_back(world.port);
    if (i % 100 == 99) CHECK(world.run([&] { return world.accepted.size() == i + 1; }));
  }
  for (const Handle server : world.accepted) world.engine.pause_reading(server);
  for (Peer& peer : peers) peer.say(std::string(kBytes, 'm'));
  for (const Handle server : world.accepted) world.engine.resume_reading(server);
  // A turn takes 128 descriptors, and io_uring's what its buffers hold, which grow: then every one had its first.
  const int turns = std::string_view(backend.name) == "io_uring" ? 20 : 4;
  for (int turn = 0; turn < turns; ++turn) world.engine.turn(100);
  std::size_t heard = 0;
  for (const Handle server : world.accepted) heard += world.fates[server].bytes.empty() ? 0 : 1;
  CHECK_EQUAL(heard, kCrowd);
  CHECK(world.run([&] {
    for (const Handle server : world.accepted) {
      if (world.fates[server].bytes.size() < kBytes) return false;
    }
    return true;
  }));
}

// libkqueue takes and closes descriptors of its own meanwhile, on a thread of its own.
#if !defined(SKEIN_LIBKQUEUE)
TEST_ON_EACH_BACKEND("a port without descriptors says so once, rests, and takes those who waited when there are some") {
  constexpr std::size_t kWaiting = 100;
  World world(backend);
  const int listener = world.listen();
  std::vector<Peer> peers;
  for (std::size_t i = 0; i < kWaiting; ++i) peers.emplace_back(world.port);
  {
    // Room for two: the numbers in use are below that of the latest peer.
    const OpenFiles lowered(static_cast<rlim_t>(peers.back().descriptor()) + 3);
    CHECK(world.run([&] { return world.accepted.size() == 2 && world.listener_errors == 1; }));
    int woken = 0;
    for (int i = 0; i < 50; ++i) {
      if (world.engine.backend().wait(1)) ++woken;
      world.engine.deliver(1);
    }
    CHECK(woken <= 3);
    CHECK_EQUAL(world.listener_errors, 1);
    // One that closes makes room for the next, and the episode lasts for as long as somebody waits.
    while (world.accepted.size() < kWaiting / 2) {
      const std::size_t before = world.accepted.size();
      world.engine.abort(world.accepted[before - 2]);
      if (!CHECK(world.run([&] { return world.accepted.size() == before + 1; }))) break;
      world.engine.settle();
    }
    CHECK(world.run([&] { return world.listener_errors > 1; }));
    CHECK_EQUAL(world.starvations, 1);
  }
  world.engine.resume_accept(listener);
  CHECK(world.run([&] { return world.accepted.size() == kWaiting; }));
  for (std::size_t i = kWaiting / 2; i < kWaiting; ++i) peers[i].say("here");
  CHECK(world.run([&] {
    for (std::size_t i = kWaiting / 2; i < kWaiting; ++i) {
      if (world.fates[world.accepted[i]].bytes != "here") return false;
    }
    return true;
  }));
}
#endif

}  // namespace skein
