// Shortages: calls that fail for a while, are tried again after pauses, and are given up in the end. Time is the
// test's.
#include <algorithm>
#include <array>
#include <cerrno>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/backoff.h"
#include "net/errno_table.h"
#include "test/backends.h"
#include "test/calls.h"
#include "test/peer.h"
#include "test/world.h"

namespace skein {

using test::bytes_of;
using test::Call;
using test::FailAlways;
using test::Peer;
using test::World;

namespace {

constexpr std::array kShortages{ENOBUFS, ENOMEM};
// In Backoff::kPatienceMs: 10 pauses that double up to 512 ms, then some 58 of 512 ms.
constexpr std::uint64_t kMostAttempts = 80;

// The call in which a backend waits.
struct Wait {
  const char* backend;
  Call call;
};
constexpr Wait kWaits[] = {
    {"epoll", Call::kEpollWait}, {"io_uring", Call::kIoUringEnter}, {"kqueue", Call::kKevent},
    {"poll", Call::kPoll},       {"select", Call::kSelect},         {test::SendsLater::kName, Call::kPoll},
};

std::int64_t now = 0;

std::int64_t test_clock() {
  return now;
}

// A server, one peer and the connection between them.
struct Scene {
  explicit Scene(const BackendEntry& backend) : world(backend) {
    now = 1000;
    world.engine.set_clock(test_clock);
    world.listen();
    peer.emplace(world.port);
    CHECK(world.run([&] { return world.accepted.size() == 1; }));
    handle = world.accepted[0];
  }

  // Turns in which nothing is expected.
  void rest() {
    for (int i = 0; i < 5; ++i) {
      world.engine.settle();
      world.engine.turn(0);
    }
  }

  // Time passes as the engine asks for it.
  void wait_out(std::int64_t until) {
    while (now < until && world.engine.due_in_ms() >= 0 && !world.fates[handle].closed) {
      now += std::max(world.engine.due_in_ms(), 1);
      rest();
    }
  }

  World world;
  std::optional<Peer> peer;
  Handle handle = -1;
};

std::uint64_t sends() {
  return test::calls(std::array{Call::kSend, Call::kSendmsg});
}

// Every way of sending fails.
struct NoSending {
  explicit NoSending(int error) : send(Call::kSend, error), sendmsg(Call::kSendmsg, error) {}
  FailAlways send;
  FailAlways sendmsg;
};

bool sends_inline(const BackendEntry& backend) {
  return backend.make()->sends_inline();
}

}  // namespace

TEST("pauses double from 1 ms to 512 ms, and after 30 s without a success the patience is over") {
  Backoff backoff;
  CHECK(!backoff.active());
  std::int64_t time = 0;
  std::vector<std::int64_t> pauses;
  int told = 0;
  while (backoff.failed(time)) {
    if (backoff.is_worth_telling()) ++told;
    pauses.push_back(backoff.due() - time);
    time = backoff.due();
  }
  CHECK_EQUAL(pauses[0], 1);
  for (std::size_t i = 1; i < pauses.size(); ++i)
    CHECK_EQUAL(pauses[i], std::min<std::int64_t>(2 * pauses[i - 1], 512));
  CHECK(time >= Backoff::kPatienceMs && time < Backoff::kPatienceMs + 512);
  CHECK(pauses.size() < kMostAttempts);
  CHECK_EQUAL(told, 1);
  backoff.succeeded();
  CHECK(!backoff.active());
  CHECK(backoff.failed(time));
  CHECK_EQUAL(backoff.due() - time, 1);
}

TEST_ON_EACH_BACKEND("what a send could not take for want of memory is sent after a pause, all of it and once") {
  if (!sends_inline(backend)) return;
  for (const int error : kShortages) {
    for (const std::size_t size : {std::size_t{5}, std::size_t{5000}, std::size_t{300'000}}) {
      Scene scene(backend);
      const std::string first(size, 'a');
      std::uint64_t before = 0;
      {
        const NoSending shortage(error);
        scene.world.engine.write(scene.handle, bytes_of(first));
        scene.rest();
        before = sends();
        CHECK_EQUAL(scene.world.engine.due_in_ms(), 1);
        scene.world.engine.write(scene.handle, bytes_of("bbb"));
        scene.world.engine.write(scene.handle, bytes_of(std::string(5000, 'c')));
        scene.rest();
        // Until its time has come nothing is tried.
        CHECK_EQUAL(sends(), before);
        scene.wait_out(now + 100);
        CHECK(sends() - before < 10);
      }
      before = sends();
      scene.rest();
      CHECK_EQUAL(sends(), before);
      now += 512;
      const std::string expected = first + "bbb" + std::string(5000, 'c');
      std::string heard;
      // The peer's buffers may hold less than all.
      scene.world.run([&] {
        std::array<char, 65536> piece;
        const ssize_t got =
            ::recvfrom(scene.peer->descriptor(), piece.data(), piece.size(), MSG_DONTWAIT, nullptr, nullptr);
        if (got > 0) heard.append(piece.data(), static_cast<std::size_t>(got));
        return heard.size() >= expected.size();
      });
      CHECK_EQUAL(heard, expected);
      CHECK_EQUAL(scene.world.engine.due_in_ms(), -1);
      CHECK(!scene.world.fates[scene.handle].closed);
    }
  }
}

TEST_ON_EACH_BACKEND(
    "a shortage while sending that lasts 30 s loses the connection with its errno, and costs little until then") {
  if (!sends_inline(backend)) return;
  for (const int error : kShortages) {
    Scene scene(backend);
    const NoSending shortage(error);
    const std::int64_t began = now;
    const std::uint64_t before = sends();
    scene.world.engine.write(scene.handle, bytes_of("hello"));
    scene.rest();
    scene.wait_out(began + 2 * Backoff::kPatienceMs);
    CHECK(scene.world.fates[scene.handle].closed);
    CHECK_EQUAL(scene.world.fates[scene.handle].error, error);
    CHECK(now - began >= Backoff::kPatienceMs);
    CHECK(now - began <= Backoff::kPatienceMs + Backoff::kLongestPauseMs);
    CHECK(sends() - before <= kMostAttempts);
    CHECK_EQUAL(scene.world.engine.due_in_ms(), -1);
  }
}

TEST("bytes that left are not sent again when the kernel lacks memory to tell of room for the rest") {
  const BackendEntry* epoll = find_backend("epoll");
  if (epoll == nullptr) return;
  Scene scene(*epoll);
  constexpr std::size_t kBytes = 16 * 1024 * 1024;
  std::string sent;
  for (std::size_t i = 0; i < kBytes; ++i) sent += static_cast<char>('a' + i % 23);
  {
    const FailAlways shortage(Call::kEpollCtl, ENOMEM);
    scene.world.engine.write(scene.handle, bytes_of(sent));
    scene.rest();
    CHECK(scene.world.engine.due_in_ms() >= 0);
  }
  now += 512;
  std::string heard;
  scene.world.run([&] {
    std::vector<char> piece(1 << 20);
    const ssize_t got =
        ::recvfrom(scene.peer->descriptor(), piece.data(), piece.size(), MSG_DONTWAIT, nullptr, nullptr);
    if (got > 0) heard.append(piece.data(), static_cast<std::size_t>(got));
    now += 1;
    return heard.size() >= sent.size() || scene.world.fates[scene.handle].closed;
  });
  CHECK(heard == sent);
  CHECK(!scene.world.fates[scene.handle].closed);
}

TEST_ON_EACH_BACKEND("a shortage does not hold back what the peer sends, and an abort ends it") {
  if (!sends_inline(backend)) return;
  Scene scene(backend);
  const NoSending shortage(ENOBUFS);
  scene.world.engine.write(scene.handle, bytes_of("hello"));
  scene.rest();
  scene.peer->say("heard");
  CHECK(scene.world.run([&] { return scene.world.fates[scene.handle].bytes == "heard"; }));
  scene.world.engine.abort(scene.handle);
  CHECK_EQUAL(scene.world.engine.due_in_ms(), -1);
  CHECK_EQUAL(scene.peer->hear_end(), ECONNRESET);
}

TEST_ON_EACH_BACKEND("a close and a half-close wait for what a shortage holds back") {
  if (!sends_inline(backend)) return;
  for (const bool half : {false, true}) {
    Scene scene(backend);
    {
      const NoSending shortage(ENOBUFS);
      scene.world.engine.write(scene.handle, bytes_of("hello"));
      if (half) {
        scene.world.engine.shutdown_write(scene.handle);
      } else {
        scene.world.engine.close(scene.handle);
      }
      scene.rest();
      CHECK(!scene.world.fates[scene.handle].closed);
      CHECK(!scene.world.fates[scene.handle].shut);
    }
    now += 1;
    CHECK(scene.world.run(
        [&] { return scene.world.fates[scene.handle].closed || scene.world.fates[scene.handle].shut; }));
    CHECK_EQUAL(scene.world.fates[scene.handle].error, 0);
    CHECK_EQUAL(scene.peer->hear(5), std::string("hello"));
    CHECK_EQUAL(scene.peer->hear_end(), 0);
  }
}

TEST_ON_EACH_BACKEND("a receive that fails for want of memory is tried again after a pause") {
  for (const int error : kShortages) {
    Scene scene(backend);
    std::uint64_t before = 0;
    {
      const FailAlways shortage(Call::kRecv, error);
      scene.peer->say("hello");
      before = test::calls(Call::kRecv);
      scene.rest();
      // io_uring makes no such call.
      if (test::calls(Call::kRecv) == before) return;
      CHECK_EQUAL(test::calls(Call::kRecv), before + 1);
      scene.wait_out(now + 100);
      CHECK(test::calls(Call::kRecv) - before < 12);
    }
    now += 512;
    CHECK(scene.world.run([&] { return scene.world.fates[scene.handle].bytes == "hello"; }));
    CHECK(!scene.world.fates[scene.handle].closed);
    CHECK_EQUAL(scene.world.engine.due_in_ms(), -1);
    const FailAlways shortage(Call::kRecv, error);
    scene.peer->say("more");
    scene.rest();
    const std::int64_t began = now;
    scene.wait_out(began + 2 * Backoff::kPatienceMs);
    CHECK_EQUAL(scene.world.fates[scene.handle].error, error);
    CHECK(now - began >= Backoff::kPatienceMs - Backoff::kLongestPauseMs);
  }
}

TEST_ON_EACH_BACKEND(
    "a wait that fails is asked for again after pauses, tells it when it lasts, and gives up after 30 s") {
  const auto* const wait =
      std::ranges::find_if(kWaits, [&](const Wait& of) { return std::string_view(of.backend) == backend.name; });
  // A new backend has its line in kWaits.
  if (!CHECK(wait != std::end(kWaits))) return;
  for (const bool recovers : {true, false}) {
    Scene scene(backend);
    scene.peer->say("hello");
    const std::int64_t began = now;
    int pauses = 0;
    {
      const FailAlways failure(wait->call, EBADF);
      while (scene.world.backend_error == 0 && (!recovers || scene.world.backend_trouble == 0)) {
        scene.world.engine.turn(0);
        scene.world.engine.turn(0);
        if (!CHECK(scene.world.engine.pause_ms() > 0)) return;
        now += scene.world.engine.pause_ms();
        ++pauses;
      }
    }
    CHECK_EQUAL(scene.world.backend_trouble, EBADF);
    if (recovers) {
      CHECK(now - began < 1000);
      CHECK(scene.world.run([&] { return scene.world.fates[scene.handle].bytes == "hello"; }));
      CHECK(scene.world.run([&] { return !scene.world.engine.is_troubled(); }));
    } else {
      CHECK_EQUAL(scene.world.backend_error, EBADF);
      CHECK(now - began >= Backoff::kPatienceMs);
      CHECK(static_cast<std::uint64_t>(pauses) <= kMostAttempts);
    }
  }
}

}  // namespace skein
