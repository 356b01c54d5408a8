// What single errnos mean (net/errno_table.h), where the fault injection of faults_test.cc cannot tell: what the
// program is told, and that no processor time is burnt meanwhile.
#include <cerrno>
#include <string>

#include "test/backends.h"
#include "test/calls.h"
#include "test/peer.h"
#include "test/world.h"

namespace skein {

using test::Call;
using test::EmptyAddress;
using test::FailAlways;
using test::FailNth;
using test::Peer;
using test::World;

namespace {

std::uint16_t port_of(const Peer& peer) {
  Address own;
  net::local_address(peer.descriptor(), own);
  return own.port();
}

// The errno that a connection is told as lost when the program ends it by `act`, after the peer's reset.
int error_after_reset(const BackendEntry& backend, bool ended_before, void (Engine::*act)(Handle)) {
  World world(backend);
  world.listen();
  Peer peer(world.port);
  CHECK(world.run([&] { return world.accepted.size() == 1; }));
  const Handle handle = world.accepted[0];
  if (ended_before) {
    peer.end();
    CHECK(world.run([&] { return world.fates[handle].ended; }));
  }
  world.engine.pause_reading(handle);
  peer.reset();
  (world.engine.*act)(handle);
  world.engine.settle();
  CHECK(world.run([&] { return world.fates[handle].closed; }));
  return world.fates[handle].error;
}

}  // namespace

TEST_ON_EACH_BACKEND("a connection that is accepted without an address is gone: it is closed and nobody is told") {
  World world(backend);
  world.listen();
  const EmptyAddress bent(2);
  // io_uring asks the socket for it, twice.
  const FailAlways unnamed(Call::kGetpeername, ENOTCONN);
  const FailNth unknown(Call::kGetsockopt, 2, ENOTCONN);
  Peer first(world.port);
  Peer second(world.port);
  Peer third(world.port);
  CHECK(world.run([&] { return world.accepted.size() == 2; }));
  CHECK(bent.happened() || unknown.happened());
  CHECK_EQUAL(second.hear_end(), 0);
  CHECK_EQUAL(world.from[0], port_of(first));
  CHECK_EQUAL(world.from[1], port_of(third));
  CHECK_EQUAL(world.listener_errors, 0);
}

#if defined(__linux__)
// Elsewhere the kernel drops such a connection.
TEST_ON_EACH_BACKEND("a connection that its peer resets before it is accepted has the peer's address and its bytes") {
  for (const char* host : {"127.0.0.1", "::1"}) {
    World world(backend);
    Address own;
    CHECK(parse_address(host, 0, own));
    const int listener = world.engine.listen(own, 16, false);
    CHECK_EQUAL(net::local_address(world.engine.descriptor(listener), world.port), 0);
    Peer peer(world.port);
    const std::uint16_t port = port_of(peer);
    peer.say("last words");
    peer.reset();
    CHECK(world.run([&] { return world.accepted.size() == 1 && world.fates[world.accepted[0]].closed; }));
    CHECK_EQUAL(world.from[0], port);
    CHECK_EQUAL(world.fates[world.accepted[0]].bytes, "last words");
    CHECK_EQUAL(world.fates[world.accepted[0]].error, ECONNRESET);
  }
}
#endif

TEST_ON_EACH_BACKEND(
    "an accept that fails with EINVAL pauses the listener, which tells it once and accepts again later") {
  World world(backend);
  const int listener = world.listen();
  const FailNth failure(Call::kAccept4, 1, EINVAL);
  const Peer peer(world.port);
  world.run([&] { return failure.happened() || !world.accepted.empty(); });
  if (!failure.happened()) return;
  CHECK(world.run([&] { return world.listener_errors == 1; }));
  CHECK_EQUAL(world.listener_error, EINVAL);
  const std::uint64_t before = test::calls(Call::kAccept4);
  for (int i = 0; i < 5; ++i) world.engine.turn(1);
  CHECK_EQUAL(test::calls(Call::kAccept4), before);
  world.engine.resume_accept(listener);
  CHECK(world.run([&] { return world.accepted.size() == 1; }));
}

TEST_ON_EACH_BACKEND("half-closing after the peer's reset loses the connection with ECONNRESET") {
  CHECK_EQUAL(error_after_reset(backend, false, &Engine::shutdown_write), ECONNRESET);
  CHECK_EQUAL(error_after_reset(backend, true, &Engine::shutdown_write), ECONNRESET);
}

TEST_ON_EACH_BACKEND(
    "closing after the peer's reset loses the connection with ECONNRESET, unless its end came before") {
  CHECK_EQUAL(error_after_reset(backend, false, &Engine::close), ECONNRESET);
  CHECK_EQUAL(error_after_reset(backend, true, &Engine::close), 0);
}

}  // namespace skein
