// System calls that fail, in the middle of an echo between a listener and a few clients.
#include <cerrno>
#include <map>
#include <string>
#include <vector>

#include "test/backends.h"
#include "test/calls.h"
#include "test/world.h"

namespace skein {

using test::bytes_of;
using test::Call;
using test::World;

namespace {

struct Fault {
  Call call;
  std::vector<int> errors;  // those of the call's man page
};

const std::vector<Fault> kFaults{
    {Call::kAccept4, {EAGAIN, EINTR, ECONNABORTED, EMFILE, ENFILE, ENOBUFS, ENOMEM, EPERM, EPROTO, ENETDOWN, EINVAL}},
    {Call::kConnect, {EINTR, ECONNREFUSED, ENETUNREACH, ETIMEDOUT, EADDRNOTAVAIL, EACCES, EPERM, EAGAIN, EISCONN}},
    {Call::kRecv, {EAGAIN, EINTR, ECONNREFUSED, ECONNRESET, ENOMEM, ENOTCONN, ETIMEDOUT, EIO}},
    {Call::kSend, {EAGAIN, EINTR, ECONNRESET, EPIPE, ENOBUFS, ENOMEM, ENOTCONN, ETIMEDOUT, EIO}},
    {Call::kEpollCtl, {ENOMEM, ENOSPC, EPERM, EBADF, EEXIST, ENOENT}},
    {Call::kIoUringEnter, {EAGAIN, EBUSY, EINTR}},
    {Call::kEpollWait, {EINTR, EBADF, EFAULT, EINVAL}},
    {Call::kPoll, {EINTR, EFAULT, EINVAL, ENOMEM}},
    {Call::kSelect, {EINTR, EBADF, EINVAL, ENOMEM}},
    {Call::kSocket, {EMFILE, ENFILE, ENOBUFS, ENOMEM, EACCES, EAFNOSUPPORT, EPROTONOSUPPORT}},
    {Call::kBind, {EADDRINUSE, EACCES, EADDRNOTAVAIL, EINVAL}},
    {Call::kListen, {EADDRINUSE, EBADF, EOPNOTSUPP}},
    {Call::kSetsockopt, {ENOPROTOOPT, EINVAL}},
    {Call::kGetsockopt, {ENOPROTOOPT, EINVAL}},
    {Call::kShutdown, {ENOTCONN, EINVAL}},
    {Call::kClose, {EINTR, EIO}},
};

constexpr std::size_t kClients = 3;

// A listener, three clients that echo twenty messages each and close. How many connections an error reached.
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
    const int client = world.connect();
    if (client < 0) {
      ++failed;
    } else {
      clients.push_back(client);
    }
  }
  const std::string expected(20 * 64, 'm');
  std::map<Handle, std::size_t> sent;
  finished = world.run([&] {
    bool all = true;
    world.engine.resume_accept(listener);
    for (const Handle client : clients) {
      World::Fate& fate = world.fates[client];
      if (fate.closed) continue;
      all = false;
      if (!fate.connected || fate.bytes.size() < sent[client]) continue;
      if (sent[client] < expected.size()) {
        world.engine.write(client, bytes_of(std::string(64, 'm')));
        sent[client] += 64;
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

}  // namespace

TEST_ON_EACH_BACKEND("the Nth system call fails with each of its errors: no hang, and one connection at most is hurt") {
  const std::size_t before = test::open_descriptors();
  int faults = 0;
  for (const Fault& fault : kFaults) {
    for (const int error : fault.errors) {
      for (unsigned nth = 1; nth <= 20; ++nth) {
        test::set_context(std::string(backend.name) + ", " + test::name_of(fault.call) + " " + std::to_string(nth) +
                          " fails with errno " + std::to_string(error));
        bool finished = false;
        const test::FailNth failure(fault.call, nth, error);
        const int failed = scenario(backend, finished);
        if (!failure.happened()) break;
        ++faults;
        CHECK(finished);
        CHECK(failed <= 1);
      }
    }
  }
  test::set_context(backend.name);
  // A backend that does not send by itself makes few of these calls.
  const bool sends_inline = backend.make()->sends_inline();
  CHECK(faults > (sends_inline ? 300 : 20));
  // libkqueue closes its own descriptors on a thread of its own, in its own time.
#if !defined(SKEIN_LIBKQUEUE)
  CHECK_EQUAL(test::open_descriptors(), before);
#else
  static_cast<void>(before);
#endif
}

}  // namespace skein
