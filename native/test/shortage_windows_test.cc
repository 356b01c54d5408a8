// Calls of winsock that fail, on every backend there. Accepts, sends and receives that do for a while are tried again;
// time is the test's. The other tests of this folder are written for POSIX; both ends of a connection are the engine's
// here.
#include <winsock2.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <string>

#include "engine/backoff.h"
#include "test/backends.h"
#include "test/world.h"

namespace {

// What the engine calls for an accept, a send or a receive: counted, and made to fail.
struct Calls {
  int count = 0;
  int error = 0;  // of winsock, with which all fail, or 0

  bool fail() {
    ++count;
    if (error != 0) ::WSASetLastError(error);
    return error != 0;
  }
};
Calls accepts;
Calls sends;
Calls receives;
Calls names;

}  // namespace

// A function of a DLL is called by its pointer, __imp_<function>: linked with --wrap=__imp_<function>, the engine has
// that of its stand-in here.
extern "C" {

extern decltype(&::accept) __real___imp_accept;
extern decltype(&::getpeername) __real___imp_getpeername;
extern decltype(&::recv) __real___imp_recv;
extern decltype(&::WSARecv) __real___imp_WSARecv;
extern decltype(&::WSASend) __real___imp_WSASend;
extern decltype(&::WSASocketW) __real___imp_WSASocketW;

decltype(&::accept) __wrap___imp_accept = [](SOCKET listener, sockaddr* address, int* length) {
  return accepts.fail() ? INVALID_SOCKET : __real___imp_accept(listener, address, length);
};

decltype(&::getpeername) __wrap___imp_getpeername = [](SOCKET socket, sockaddr* address, int* length) {
  return names.fail() ? SOCKET_ERROR : __real___imp_getpeername(socket, address, length);
};

decltype(&::recv) __wrap___imp_recv = [](SOCKET socket, char* into, int size, int flags) {
  return receives.fail() ? SOCKET_ERROR : __real___imp_recv(socket, into, size, flags);
};

decltype(&::WSARecv) __wrap___imp_WSARecv = [](SOCKET socket, WSABUF* into, DWORD count, DWORD* received, DWORD* flags,
                                               OVERLAPPED* overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE completed) {
  return receives.fail() ? SOCKET_ERROR
                         : __real___imp_WSARecv(socket, into, count, received, flags, overlapped, completed);
};

decltype(&::WSASend) __wrap___imp_WSASend = [](SOCKET socket, WSABUF* from, DWORD count, DWORD* sent, DWORD flags,
                                               OVERLAPPED* overlapped, LPWSAOVERLAPPED_COMPLETION_ROUTINE completed) {
  return sends.fail() ? SOCKET_ERROR : __real___imp_WSASend(socket, from, count, sent, flags, overlapped, completed);
};

// AcceptEx() takes the socket of the next connection beforehand.
decltype(&::WSASocketW) __wrap___imp_WSASocketW = [](int family, int type, int protocol, WSAPROTOCOL_INFOW* info,
                                                     GROUP group, DWORD flags) {
  return accepts.fail() ? INVALID_SOCKET : __real___imp_WSASocketW(family, type, protocol, info, group, flags);
};

}  // extern "C"

namespace skein {

using test::bytes_of;
using test::World;

namespace {

// Makes the calls fail for as long as it lives.
class Shortage {
 public:
  Shortage(Calls& calls, int error) : calls_(calls) { calls_.error = error; }
  Shortage(const Shortage&) = delete;
  Shortage& operator=(const Shortage&) = delete;
  ~Shortage() { calls_.error = 0; }

 private:
  Calls& calls_;
};

std::int64_t now = 0;

std::int64_t test_clock() {
  return now;
}

// A server, one client and the connection between them.
struct Scene {
  explicit Scene(const BackendEntry& backend) : world(backend) {
    now = 1000;
    world.engine.set_clock(test_clock);
    world.listen();
    client = world.connect();
    CHECK(world.run([&] { return world.accepted.size() == 1 && world.fates[client].connected; }));
    server = world.accepted[0];
  }

  // Time passes as the engine asks for it.
  void wait_out(std::int64_t until, Handle handle) {
    while (now < until && world.engine.due_in_ms() >= 0 && !world.fates[handle].closed) {
      now += std::max(world.engine.due_in_ms(), 1);
      world.turns(2);
    }
  }

  World world;
  Handle client = -1;
  Handle server = -1;
};

}  // namespace

TEST_ON_EACH_BACKEND(
    "a listener for which there is no socket pauses, tells it once an episode, and accepts when resumed") {
  World world(backend);
  const int listener = world.listen();
  constexpr std::size_t kClients = 3;
  for (std::size_t i = 0; i < kClients; ++i) CHECK(world.connect() >= 0);
  {
    const Shortage shortage(accepts, WSAEMFILE);
    CHECK(world.run([&] { return world.listener_errors == 1; }));
    CHECK_EQUAL(world.listener_error, EMFILE);
    world.turns(20);
    CHECK_EQUAL(world.listener_errors, 1);
    CHECK(world.accepted.size() < kClients);
    world.engine.resume_accept(listener);
    CHECK(world.run([&] { return world.listener_errors == 2; }));
    CHECK_EQUAL(world.starvations, 1);
  }
  world.engine.resume_accept(listener);
  CHECK(world.run([&] { return world.accepted.size() == kClients; }));
}

TEST_ON_EACH_BACKEND("an accepted connection has its peer's address when the peer has reset it meanwhile") {
  // What getpeername() says then.
  const Shortage gone(names, WSAENOTCONN);
  Scene scene(backend);
  Address client;
  CHECK_EQUAL(net::local_address(scene.world.engine.descriptor(scene.client), client), 0);
  CHECK_EQUAL(scene.world.from[0], client.port());
}

TEST_ON_EACH_BACKEND("what a send could not take for want of memory is sent after a pause, all of it and once") {
  for (const std::size_t size : {std::size_t{5}, std::size_t{300'000}}) {
    Scene scene(backend);
    World& world = scene.world;
    const std::string first(size, 'a');
    {
      const Shortage shortage(sends, WSAENOBUFS);
      world.engine.write(scene.client, bytes_of(first));
      world.turns(2);
      CHECK_EQUAL(world.engine.due_in_ms(), 1);
      const int before = sends.count;
      world.engine.write(scene.client, bytes_of("bbb"));
      world.turns(2);
      CHECK_EQUAL(sends.count, before);
      scene.wait_out(now + 100, scene.client);
      CHECK(sends.count > before && sends.count < before + 10);
    }
    now += Backoff::kLongestPauseMs;
    const std::string expected = first + "bbb";
    CHECK(world.run([&] { return world.fates[scene.server].bytes.size() >= expected.size(); }));
    CHECK_EQUAL(world.fates[scene.server].bytes, expected);
    CHECK_EQUAL(world.engine.due_in_ms(), -1);
  }
}

TEST_ON_EACH_BACKEND("a shortage while sending that lasts 30 s loses the connection with its errno") {
  Scene scene(backend);
  const Shortage shortage(sends, WSAENOBUFS);
  const std::int64_t began = now;
  scene.world.engine.write(scene.client, bytes_of("hello"));
  scene.world.turns(2);
  scene.wait_out(began + 2 * Backoff::kPatienceMs, scene.client);
  CHECK(scene.world.fates[scene.client].closed);
  CHECK_EQUAL(scene.world.fates[scene.client].error, ENOBUFS);
  CHECK(now - began >= Backoff::kPatienceMs);
  CHECK_EQUAL(scene.world.engine.due_in_ms(), -1);
}

TEST_ON_EACH_BACKEND("a receive that fails for want of memory is tried again after a pause") {
  Scene scene(backend);
  World& world = scene.world;
  {
    const Shortage shortage(receives, WSAENOBUFS);
    const int before = receives.count;
    world.engine.write(scene.client, bytes_of("hello"));
    CHECK(world.run([&] { return world.engine.due_in_ms() == 1; }));
    scene.wait_out(now + 100, scene.server);
    CHECK(receives.count > before + 1 && receives.count < before + 12);
  }
  now += Backoff::kLongestPauseMs;
  CHECK(world.run([&] { return world.fates[scene.server].bytes == "hello"; }));
  CHECK_EQUAL(world.engine.due_in_ms(), -1);
}

}  // namespace skein
