// Many connections, and more than there are descriptors for, on every backend.
#if defined(__linux__)
#include <linux/sockios.h>
#endif
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstddef>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include "test/backends.h"
#include "test/limits.h"
#include "test/peer.h"
#include "test/world.h"

namespace skein {

using test::bytes_of;
using test::Filler;
using test::OpenFiles;
using test::Peer;
using test::World;

#if defined(__linux__)
namespace {

// Peers that send whatever is taken, each its share of the same text. The program reads from a connection once, and
// pauses it.
class Pushers {
 public:
  static constexpr std::size_t kEach = 384 * 1024;

  Pushers(World& world, std::size_t count) : world_(world), sent_(count) {
    for (std::size_t i = 0; text_.size() < kEach; ++i) text_ += std::to_string(i) + ' ';
    text_.resize(kEach);
    world_.on_data = [this](Handle handle, std::span<const std::uint8_t>) {
      if (pausing_) world_.engine.pause_reading(handle);
    };
    for (std::size_t i = 0; i < count; ++i) {
      peers_.emplace_back(world_.port);
      CHECK(world_.run([&] { return world_.accepted.size() == i + 1; }));
    }
  }
  Pushers(const Pushers&) = delete;
  Pushers& operator=(const Pushers&) = delete;

  // One after the other sends as much as the kernel takes, and finds the others idle.
  void push_in_turn() {
    for (std::size_t i = 0; i < peers_.size(); ++i) {
      do {
        while (push(i) > 0) {
        }
        world_.engine.turn(0);
      } while (push(i) > 0);
    }
  }

  // Bytes that have left the kernel and have not reached the program.
  std::size_t held() const {
    std::size_t bytes = std::accumulate(sent_.begin(), sent_.end(), std::size_t{0});
    for (std::size_t i = 0; i < peers_.size(); ++i) {
      const Handle server = world_.accepted[i];
      bytes -= world_.fates[server].bytes.size() + waiting_in(peers_[i].descriptor(), SIOCOUTQNSD) +
               waiting_in(world_.engine.descriptor(server), FIONREAD);
    }
    return bytes;
  }

  // All of it reaches the program, in its order.
  void read_all() {
    pausing_ = false;
    for (const Handle server : world_.accepted) world_.engine.resume_reading(server);
    CHECK(world_.run([&] {
      for (std::size_t i = 0; i < peers_.size(); ++i) push(i);
      for (const Handle server : world_.accepted) {
        if (world_.fates[server].bytes.size() < kEach) return false;
      }
      return true;
    }));
    for (const Handle server : world_.accepted) CHECK(world_.fates[server].bytes == text_);
  }

 private:
  std::size_t push(std::size_t i) {
    const std::size_t bytes = peers_[i].say_some(std::string_view(text_).substr(sent_[i]));
    sent_[i] += bytes;
    return bytes;
  }

  static std::size_t waiting_in(int fd, unsigned long where) {
    int bytes = 0;
    CHECK(::ioctl(fd, where, &bytes) == 0);
    return static_cast<std::size_t>(bytes);
  }

  World& world_;
  std::vector<Peer> peers_;
  std::vector<std::size_t> sent_;
  std::string text_;
  bool pausing_ = true;
};

}  // namespace
#endif

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

#if defined(__linux__)
// Elsewhere nothing tells which part of what was sent is where.
TEST_ON_EACH_BACKEND("what many send whom nobody reads from stays in the kernel, but for a few MiB of all of them") {
  World world(backend);
  const int listener = world.listen();
  const int room = static_cast<int>(Pushers::kEach);
  ::setsockopt(world.engine.descriptor(listener), SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  Pushers pushers(world, 200);
  pushers.push_in_turn();
  CHECK(pushers.held() <= 8 * 1024 * 1024);
  pushers.read_all();
}
#endif

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

TEST_ON_EACH_BACKEND("a connection that lingers makes room for one that waits for a descriptor, and for nobody later") {
  constexpr int kMost = 200;
  World world(backend);
  // Before the port: io_uring keeps the limit at which it was asked to accept.
  const OpenFiles lowered(kMost);
  const int listener = world.listen();
  const auto linger = [&](Handle handle) {
    world.engine.close(handle);
    CHECK(world.run([&] { return world.fates[handle].closed; }));
  };
  const auto accepts = [&](std::size_t count) { CHECK(world.run([&] { return world.accepted.size() == count; })); };
  Peer first(world.port);
  accepts(1);
  Peer second(world.port);
  {
    const Filler full(kMost);
    CHECK(world.run([&] { return world.listener_errors == 1; }));
  }
  world.engine.resume_accept(listener);
  accepts(2);
  // The shortage is over.
  linger(world.accepted[0]);
  world.turns(3);
  CHECK_EQUAL(world.engine.stats().lingering, 1);
  Peer third(world.port);
  {
    const Filler full(kMost);
    CHECK(world.run([&] { return world.engine.stats().lingering == 0; }));
    CHECK(world.run([&] {
      world.engine.resume_accept(listener);
      return world.accepted.size() == 3;
    }));
  }
  linger(world.accepted[1]);
  world.turns(3);
  CHECK_EQUAL(world.engine.stats().lingering, 1);
}
#endif

}  // namespace skein
