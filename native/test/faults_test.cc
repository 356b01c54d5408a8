// System calls that fail, in the middle of an echo between a listener and a few clients. The cases are the rows of
// net/errno_table.h, for each call that calls.h wraps.
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <iterator>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "net/errno_table.h"
#include "test/backends.h"
#include "test/calls.h"
#include "test/errno_cases.h"
#include "test/world.h"

namespace skein {

using test::bytes_of;
using test::Call;
using test::World;

namespace {

// Which of the calls that can be made to fail is which call of the errno table.
struct Role {
  Call call;
  net::Call does;
};

constexpr Role kRoles[] = {
    {Call::kAccept4, net::Call::kAccept},
    {Call::kBind, net::Call::kBind},
    {Call::kClose, net::Call::kClose},
    {Call::kConnect, net::Call::kConnect},
    {Call::kEpollCreate1, net::Call::kOpen},
    {Call::kEpollCtl, net::Call::kChange},
    {Call::kEpollWait, net::Call::kWait},
    {Call::kEventfd, net::Call::kOpen},
    {Call::kGetpeername, net::Call::kGetName},
    {Call::kGetsockname, net::Call::kGetName},
    {Call::kGetsockopt, net::Call::kGetOption},
    {Call::kIoUringEnter, net::Call::kEnter},
    {Call::kIoUringRegister, net::Call::kOpen},
    {Call::kIoUringSetup, net::Call::kOpen},
    {Call::kListen, net::Call::kListen},
    {Call::kPoll, net::Call::kWait},
    {Call::kRecv, net::Call::kReceive},
    {Call::kSelect, net::Call::kWait},
    {Call::kSend, net::Call::kSend},
    {Call::kSendmsg, net::Call::kSend},
    {Call::kSetsockopt, net::Call::kSetOption},
    {Call::kShutdown, net::Call::kShutdown},
    {Call::kSocket, net::Call::kSocket},
};
// All that calls.h wraps: but malloc is no system call, and kevent of libkqueue makes the calls of others.
static_assert(std::size(kRoles) == test::kCallCount - 2);

constexpr std::size_t kClients = 3;
// What a client sends and waits for, one after the other. The long one fills several blocks, which leave by sendmsg(2).
constexpr std::array<std::size_t, 12> kMessages{64, 64, 64, 3000, 64, 64, 64, 64, 64, 64, 64, 64};

// A blocking socket that is connected to the listener, or -errno. A connect that was interrupted goes on (calls.h).
int connected_socket(const Address& to) {
  const int fd = ::socket(to.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -errno;
  if (::connect(fd, to.get(), to.length) == 0 || errno == EINTR || errno == EINPROGRESS) return fd;
  const int error = errno;
  ::close(fd);
  return -error;
}

// A client over a socket that was connected elsewhere.
Handle adopted_client(World& world) {
  const int fd = connected_socket(world.port);
  if (fd < 0) return fd;
  const int handle = world.engine.adopt(fd, false);
  if (handle < 0) {
    ::close(fd);
  } else {
    world.fates[handle].connected = true;
  }
  return handle;
}

// A listener and three clients, one of them adopted, that echo a few messages each and close. How many connections an
// error reached.
int scenario(const BackendEntry& backend, bool& finished) {
  World world(backend);
  if (world.opened < 0) {
    finished = true;
    return 1;
  }
  test::serve_echo(world);
  const int listener = world.listen();
  if (listener < 0) {
    finished = true;
    return 1;
  }
  int failed = 0;
  std::vector<Handle> clients;
  for (std::size_t i = 0; i < kClients; ++i) {
    const int client = i == 1 ? adopted_client(world) : world.connect();
    if (client < 0) {
      ++failed;
    } else {
      clients.push_back(client);
    }
  }
  const std::string expected(std::accumulate(kMessages.begin(), kMessages.end(), std::size_t{0}), 'm');
  struct Progress {
    std::size_t messages = 0;
    std::size_t bytes = 0;
  };
  std::map<Handle, Progress> sent;
  finished = world.run([&] {
    bool all = true;
    world.engine.resume_accept(listener);
    for (const Handle client : clients) {
      World::Fate& fate = world.fates[client];
      if (fate.closed) continue;
      all = false;
      Progress& progress = sent[client];
      if (!fate.connected || fate.bytes.size() < progress.bytes) continue;
      if (progress.messages < kMessages.size()) {
        const std::size_t size = kMessages[progress.messages++];
        const std::string half(size / 2, 'm');
        world.engine.write(client, bytes_of(half));
        world.engine.write(client, bytes_of(half));
        progress.bytes += size;
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

// The rows of a call, and the calls, that failed in some backend's scenario.
std::set<const net::ErrnoRow*> rows_reached;
std::set<Call> calls_reached;

void fail_each(const BackendEntry& backend, const net::ErrnoRow& row, Call call) {
  for (unsigned nth = 1; nth <= test::highest_nth(row); ++nth) {
    test::set_context(std::string(backend.name) + ", " + test::name_of(call) + " " + std::to_string(nth) +
                      " fails with errno " + std::to_string(row.error));
    bool finished = false;
    const test::FailNth failure(call, nth, row.error);
    const int failed = scenario(backend, finished);
    if (!failure.happened()) return;
    rows_reached.insert(&row);
    calls_reached.insert(call);
    CHECK(finished);
    CHECK(failed <= test::most_hurt(row));
  }
}

void fail_every_call(const BackendEntry& backend) {
  const std::size_t before = test::open_descriptors();
  for (const net::ErrnoRow& row : net::errno_table()) {
    if (!test::is_first(row)) continue;
    for (const Role& role : kRoles) {
      if (role.does == row.call) fail_each(backend, row, role.call);
    }
  }
  test::set_context(backend.name);
  // libkqueue closes its own descriptors on a thread of its own, in its own time.
#if !defined(SKEIN_LIBKQUEUE)
  CHECK_EQUAL(test::open_descriptors(), before);
#else
  static_cast<void>(before);
#endif
}

}  // namespace

TEST("the Nth system call fails with each errno of the table: no hang, and no more connections are hurt than it says") {
  test::on_each_backend(fail_every_call);
  // A row without a wrapped call, or one that the scenario does not make, would show nothing.
  const bool uring = test::calls(Call::kIoUringEnter) > 0;
  for (const net::ErrnoRow& row : net::errno_table()) {
    if (!test::is_first(row) || (row.call == net::Call::kEnter && !uring)) continue;
    test::set_context("the row of call " + test::to_text(row.call) + " and errno " + std::to_string(row.error));
    CHECK(rows_reached.contains(&row));
  }
  for (const Role& role : kRoles) {
    test::set_context(test::name_of(role.call));
    CHECK(calls_reached.contains(role.call) || test::calls(role.call) == 0);
  }
  test::set_context("");
}

}  // namespace skein
