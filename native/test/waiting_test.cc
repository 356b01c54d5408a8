// What the loop's thread does while another one waits in the backend.
#include <cerrno>
#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "test/backends.h"
#include "test/peer.h"
#include "test/waiter.h"
#include "test/world.h"

namespace skein {

using test::bytes_of;
using test::Peer;
using test::Waiter;
using test::World;

TEST_ON_EACH_BACKEND("a thread waits while connections come, echo, pause, resume and go") {
  World world(backend);
  test::serve_echo(world);
  Waiter waiter(world.engine.backend());
  world.listen();
  std::vector<Handle> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(world.connect());
  CHECK(waiter.run(world, [&] {
    for (const Handle client : clients) {
      if (!world.fates[client].connected) return false;
    }
    return world.accepted.size() == clients.size();
  }));
  const std::string text(5000, 'e');
  for (std::size_t round = 1; round <= 20; ++round) {
    for (const Handle client : clients) {
      world.engine.pause_reading(client);
      world.engine.write(client, bytes_of(text));
    }
    if (!CHECK(waiter.run(world, [&] { return world.echoed == round * text.size() * clients.size(); }))) return;
    for (const Handle client : clients) world.engine.resume_reading(client);
    CHECK(waiter.run(world, [&] {
      for (const Handle client : clients) {
        if (world.fates[client].bytes.size() < round * text.size()) return false;
      }
      return true;
    }));
  }
  for (const Handle client : clients) world.engine.close(client);
  CHECK(waiter.run(world, [&] {
    for (const auto& [handle, fate] : world.fates) {
      if (!fate.closed) return false;
    }
    return true;
  }));
}

TEST_ON_EACH_BACKEND("a connection that closes while a thread waits for it sends its FIN at once") {
  World world(backend);
  world.listen();
  Waiter waiter(world.engine.backend());
  for (const bool peer_ended_first : {false, true}) {
    Peer peer(world.port);
    CHECK(waiter.run(world, [&] { return !world.accepted.empty(); }));
    const Handle server = world.accepted.back();
    world.accepted.clear();
    if (peer_ended_first) peer.end();
    CHECK(waiter.run(world, [&] { return world.fates[server].ended == peer_ended_first; }));
    world.engine.close(server);
    world.engine.settle();
    // Nobody delivers anything here: what the peer hears needs no turn of the loop.
    CHECK_EQUAL(peer.hear_end(), 0);
    CHECK(waiter.run(world, [&] { return world.fates[server].closed; }));
  }
}

TEST_ON_EACH_BACKEND("a connection that is aborted while a thread waits for it sends its reset at once") {
  World world(backend);
  world.listen();
  Waiter waiter(world.engine.backend());
  Peer peer(world.port);
  CHECK(waiter.run(world, [&] { return !world.accepted.empty(); }));
  world.engine.abort(world.accepted[0]);
  world.engine.settle();
  CHECK_EQUAL(peer.hear_end(), ECONNRESET);
}

// What was reported last is asked about again at the beginning of the next wait: the abort comes a little later each
// time.
TEST_ON_EACH_BACKEND("a connection that is aborted while a thread begins to wait for it sends its reset at once") {
  World world(backend);
  world.listen();
  Waiter waiter(world.engine.backend());
  for (int round = 0; round < 1000; ++round) {
    Peer peer(world.port);
    peer.say("heard");
    CHECK(waiter.run(world, [&] { return !world.accepted.empty(); }));
    const Handle server = world.accepted.back();
    world.accepted.clear();
    CHECK(waiter.run(world, [&] { return world.fates[server].bytes == "heard"; }));
    const auto moment = std::chrono::steady_clock::now() + std::chrono::nanoseconds(100 * round);
    while (std::chrono::steady_clock::now() < moment) {
    }
    world.engine.abort(server);
    world.engine.settle();
    if (!CHECK_EQUAL(peer.hear_end(), ECONNRESET)) return;
  }
}

TEST_ON_EACH_BACKEND("a port that closes while a thread waits for it refuses at once") {
  World world(backend);
  Waiter waiter(world.engine.backend());
  for (int round = 0; round < 100; ++round) {
    const int listener = world.listen();
    if (!CHECK(listener >= 0)) return;
    { Peer peer(world.port); }
    CHECK(waiter.run(world, [&] { return world.accepted.size() == 1; }));
    world.accepted.clear();
    world.engine.close(listener);
    CHECK(waiter.run(world, [&] { return world.fates[listener].closed; }));
    const int fd = ::socket(world.port.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(::connect(fd, world.port.get(), world.port.length) < 0);
    CHECK_EQUAL(errno, ECONNREFUSED);
    ::close(fd);
  }
}

TEST_ON_EACH_BACKEND("a connection that begins while a thread waits is waited for") {
  World world(backend);
  Waiter waiter(world.engine.backend());
  world.listen();
  Peer peer(world.port);
  CHECK(waiter.run(world, [&] { return world.accepted.size() == 1; }));
  peer.say("heard");
  CHECK(waiter.run(world, [&] { return world.fates[world.accepted[0]].bytes == "heard"; }));
  const Handle client = world.connect();
  CHECK(waiter.run(world, [&] { return world.fates[client].connected && world.accepted.size() == 2; }));
}

TEST_ON_EACH_BACKEND("of a crowd that is closed at once, the ends are heard while a thread waits for them") {
  constexpr std::size_t kCrowd = 100;
  World world(backend);
  world.listen();
  Waiter waiter(world.engine.backend());
  std::vector<Peer> peers;
  while (peers.size() < kCrowd) peers.emplace_back(world.port);
  CHECK(waiter.run(world, [&] { return world.accepted.size() == kCrowd; }));
  for (const Handle server : world.accepted) world.engine.close(server);
  // The kernel has word of each FIN that arrived, which says nothing here.
  CHECK(waiter.run(world, [&] { return world.engine.stats().lingering == kCrowd; }));
  int rounds = 0;
  waiter.run(world, [&] { return ++rounds == 10; });
  for (Peer& peer : peers) peer.end();
  CHECK(waiter.run(world, [&] { return world.engine.stats().lingering == 0; }));
  Peer late(world.port);
  CHECK(waiter.run(world, [&] { return world.accepted.size() == kCrowd + 1; }));
}

}  // namespace skein
