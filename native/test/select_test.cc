// select(2) and its limit. This executable has a selector of its own, whose sets end at SKEIN_SELECT_PARTS *
// FD_SETSIZE.
#include <fcntl.h>
#include <sys/select.h>
#include <unistd.h>

#include <cerrno>
#include <string>

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

namespace {

constexpr int kMost = SKEIN_SELECT_PARTS * FD_SETSIZE;

}  // namespace

TEST("a descriptor beyond the limit is refused, whether it is open or not") {
  World world(*find_backend("select"));
  CHECK_EQUAL(world.engine.poll(kMost, kRead), -EMFILE);
  CHECK_EQUAL(world.engine.poll(kMost + 1, kRead | kWrite), -EMFILE);
  const OpenFiles raised(kMost + 100);
  if (!CHECK(raised.granted())) return;
  const int beyond = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, kMost);
  CHECK(beyond >= kMost);
  CHECK_EQUAL(world.engine.poll(beyond, kRead), -EMFILE);
  ::close(beyond);
  const int last = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, kMost - 1);
  CHECK_EQUAL(last, kMost - 1);
  CHECK(world.engine.poll(last, kRead) >= 0);
  for (int i = 0; i < 3; ++i) world.engine.turn(0);
  ::close(last);
}

TEST("beyond the limit connections and ports fail with EMFILE, those that stand go on, and later ones succeed") {
  const OpenFiles raised(kMost + 100);
  if (!CHECK(raised.granted())) return;
  World world(*find_backend("select"));
  test::serve_echo(world);
  world.listen();
  const Handle client = world.connect();
  CHECK(world.run([&] { return world.fates[client].connected && world.accepted.size() == 1; }));
  {
    const Filler full(kMost);
    CHECK_EQUAL(world.engine.listen(world.port, 1, false), -EADDRINUSE);
    Address other;
    parse_address("127.0.0.1", 0, other);
    CHECK_EQUAL(world.engine.listen(other, 1, false), -EMFILE);
    const int refused = world.connect();
    CHECK(world.run([&] { return world.fates[refused].closed; }));
    CHECK_EQUAL(world.fates[refused].error, EMFILE);
    Peer peer(world.port);
    CHECK(world.run([&] { return world.fates[world.accepted.back()].closed; }));
    CHECK_EQUAL(world.fates[world.accepted.back()].error, EMFILE);
    world.engine.write(client, bytes_of("still here"));
    CHECK(world.run([&] { return world.fates[client].bytes == "still here"; }));
  }
  const Handle later = world.connect();
  CHECK(world.run([&] { return world.fates[later].connected; }));
  world.engine.write(later, bytes_of("and again"));
  CHECK(world.run([&] { return world.fates[later].bytes == "and again"; }));
  CHECK_EQUAL(world.listener_errors, 0);
}

}  // namespace skein
