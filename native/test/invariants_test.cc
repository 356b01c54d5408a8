// Broken invariants end the process, and say which, where, and on which backend. No program can break one: here the
// layer above the engine does what that of Node never does.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <functional>
#include <string>

#include "engine/completions.h"
#include "test/backends.h"
#include "test/world.h"

namespace skein {

using test::World;

namespace {

// What a process that runs `body` says on stderr, and the signal that ends it.
std::string last_words(const std::function<void()>& body, int& signal) {
  std::array<int, 2> ends;
  CHECK_EQUAL(::pipe(ends.data()), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(ends[1], 2);
    ::signal(SIGABRT, SIG_DFL);
    body();
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string said;
  std::array<char, 512> piece;
  for (ssize_t count; (count = ::read(ends[0], piece.data(), piece.size())) > 0;) {
    said.append(piece.data(), static_cast<std::size_t>(count));
  }
  ::close(ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  return said;
}

}  // namespace

TEST_ON_EACH_BACKEND("a turn inside another ends the process with the invariant and the backend's name") {
  int signal = 0;
  const std::string said = last_words(
      [&] {
        World world(backend);
        world.listen();
        const Handle client = world.connect();
        world.on_data = [&](Handle, std::span<const std::uint8_t>) { world.engine.turn(0); };
        world.run([&] { return world.fates[client].connected && !world.accepted.empty(); });
        world.engine.write(client, test::bytes_of("x"));
        world.run([] { return false; });
      },
      signal);
  CHECK_EQUAL(signal, SIGABRT);
  CHECK(said.find("invariant broken") != said.npos && said.find("no turn inside another") != said.npos);
  CHECK(said.find(std::string("backend ") + backend.name) != said.npos);
}

TEST("an invariant that is about a handle says which, and whose slot and generation it is") {
  int signal = 0;
  const std::string said = last_words([] { SK_CHECK_OF(1 + 1 == 3, make_handle(5, 7), "epoll"); }, signal);
  CHECK_EQUAL(signal, SIGABRT);
  CHECK(said.find("1 + 1 == 3; handle 7340037 (slot 5, generation 7), backend epoll") != said.npos);
}

}  // namespace skein
