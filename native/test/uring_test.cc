// io_uring, when the kernel does not take requests at once.
#include <cerrno>
#include <string>
#include <vector>

#include "test/backends.h"
#include "test/calls.h"
#include "test/peer.h"
#include "test/world.h"

namespace skein {

using test::Call;
using test::FailNth;
using test::Peer;
using test::World;

namespace {

const BackendEntry* io_uring() {
  const BackendEntry* entry = find_backend("io_uring");
  return entry != nullptr && entry->probe().empty() ? entry : nullptr;
}

}  // namespace

TEST("what was asked for a port that has closed takes nothing from the one that gets its descriptor") {
  if (io_uring() == nullptr) return;
  World world(*io_uring());
  const int first = world.listen();
  if (!CHECK(first >= 0)) return;
  const Descriptor descriptor = world.engine.descriptor(first);
  {
    const FailNth failure(Call::kIoUringEnter, 1, EAGAIN);
    world.engine.close(first);
    CHECK(failure.happened());
  }
  const int second = world.listen();
  CHECK_EQUAL(world.engine.descriptor(second), descriptor);
  Peer peer(world.port);
  peer.say("hello");
  CHECK(world.run([&] { return world.accepted.size() == 1 && world.fates[world.accepted[0]].bytes == "hello"; }));
}

TEST("a connection that closes while the ring is full and the kernel takes nothing sends its reset nevertheless") {
  constexpr std::size_t kRequests = 512;
  if (io_uring() == nullptr) return;
  World world(*io_uring());
  world.listen();
  Peer peer(world.port);
  CHECK(world.run([&] { return world.accepted.size() == 1; }));
  std::vector<Handle> clients;
  while (clients.size() < kRequests) clients.push_back(world.connect());
  {
    const FailNth failure(Call::kIoUringEnter, 1, EAGAIN);
    world.engine.abort(world.accepted[0]);
    CHECK(failure.happened());
  }
  CHECK(world.run([&] { return world.fates[world.accepted[0]].closed && world.accepted.size() > 1; }));
  CHECK_EQUAL(peer.hear_end(), ECONNRESET);
}

}  // namespace skein
