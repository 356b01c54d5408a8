// UNIX sockets, and sockets that the program made itself and has adopted, on every backend.
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

#include "test/backends.h"
#include "test/peer.h"
#include "test/world.h"

namespace skein {

using test::bytes_of;
using test::Peer;
using test::World;

namespace {

// A path that nobody else has, and nobody after the test.
class Path {
 public:
  Path() : text_("/tmp/skein-" + std::to_string(::getpid()) + ".socket") { ::unlink(text_.c_str()); }
  ~Path() { ::unlink(text_.c_str()); }
  Path(const Path&) = delete;
  Path& operator=(const Path&) = delete;
  Address address() const {
    Address address;
    CHECK(unix_address(text_, address));
    return address;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// A blocking socket that listens at the address.
int listening_at(const Address& address) {
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_CLOEXEC, 0);
  CHECK(::bind(fd, address.get(), address.length) == 0 && ::listen(fd, 16) == 0);
  return fd;
}

bool blocks(int fd) {
  return (::fcntl(fd, F_GETFL) & O_NONBLOCK) == 0;
}

}  // namespace

TEST_ON_EACH_BACKEND("a UNIX socket listens at a path, and a connection to it echoes and closes") {
  const Path path;
  World world(backend);
  test::serve_echo(world);
  const int listener = world.engine.listen(path.address(), 16, false);
  if (!CHECK(listener >= 0)) return;
  Address own;
  CHECK_EQUAL(net::local_address(world.engine.descriptor(listener), own), 0);
  CHECK_EQUAL(own.host(), path.text());
  const Handle client = world.engine.connect(path.address(), nullptr);
  CHECK(world.run([&] { return world.fates[client].connected && world.accepted.size() == 1; }));
  const std::string text(100'000, 'u');
  world.engine.write(client, bytes_of(text));
  CHECK(world.run([&] { return world.fates[client].bytes.size() == text.size(); }));
  CHECK_EQUAL(world.fates[client].bytes, text);
  world.engine.close(client);
  CHECK(world.run([&] { return world.fates[client].closed && world.fates[world.accepted[0]].closed; }));
}

TEST_ON_EACH_BACKEND("an attempt to connect to a path where nobody listens fails") {
  const Path path;
  World world(backend);
  const int client = world.engine.connect(path.address(), nullptr);
  if (!CHECK(client >= 0)) return;
  CHECK(world.run([&] { return world.fates[client].closed; }));
  CHECK_EQUAL(world.fates[client].error, ENOENT);
}

TEST_ON_EACH_BACKEND("a listening socket that is adopted accepts, and is closed with its handle") {
  const Path path;
  World world(backend);
  test::serve_echo(world);
  const int fd = listening_at(path.address());
  const int listener = world.engine.adopt(fd, false);
  if (!CHECK(listener >= 0)) return;
  CHECK_EQUAL(world.engine.descriptor(listener), fd);
  Peer peer(path.address());
  peer.say("hello");
  CHECK(world.run([&] { return world.echoed == 5 && world.engine.write(world.accepted[0], {}) == 0; }));
  CHECK_EQUAL(peer.hear(5), std::string("hello"));
  world.engine.close(listener);
  CHECK(world.run([&] { return world.fates[listener].closed; }));
  CHECK(::fcntl(fd, F_GETFD) < 0);
}

TEST_ON_EACH_BACKEND("a connected socket that is adopted reads, writes and half-closes") {
  World world(backend);
  std::array<int, 2> ends;
  if (!CHECK_EQUAL(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0)) return;
  const int handle = world.engine.adopt(ends[0], false);
  if (!CHECK(handle >= 0)) return;
  CHECK(!blocks(ends[0]));
  CHECK(::write(ends[1], "over", 4) == 4);
  CHECK(world.run([&] { return world.fates[handle].bytes == "over"; }));
  world.engine.write(handle, bytes_of("taken"));
  world.engine.shutdown_write(handle);
  CHECK(world.run([&] { return world.fates[handle].shut; }));
  std::array<char, 16> heard;
  CHECK_EQUAL(::read(ends[1], heard.data(), heard.size()), 5);
  CHECK_EQUAL(::read(ends[1], heard.data(), heard.size()), 0);
  ::close(ends[1]);
  CHECK(world.run([&] { return world.fates[handle].ended; }));
  world.engine.close(handle);
  CHECK(world.run([&] { return world.fates[handle].closed; }));
}

TEST_ON_EACH_BACKEND("what cannot be adopted is refused, and stays as it was") {
  World world(backend);
  std::array<int, 2> pipe;
  if (!CHECK_EQUAL(::pipe(pipe.data()), 0)) return;
  const int unconnected = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int datagrams = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  CHECK_EQUAL(world.engine.adopt(pipe[0], false), -ENOTSOCK);
  CHECK_EQUAL(world.engine.adopt(unconnected, false), -ENOTCONN);
  CHECK_EQUAL(world.engine.adopt(datagrams, false), -ENOTSUP);
  CHECK_EQUAL(world.engine.adopt(kNoDescriptor, false), -EBADF);
  for (const int fd : {pipe[0], pipe[1], unconnected, datagrams}) {
    CHECK(blocks(fd));
    ::close(fd);
  }
  CHECK_EQUAL(world.engine.stats().connections, 0);
}

TEST_ON_EACH_BACKEND("a shared socket that is closed here wakes nobody here, though others go on with it") {
  World world(backend);
  std::array<int, 2> ends;
  if (!CHECK_EQUAL(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()), 0)) return;
  const int kept = ::fcntl(ends[0], F_DUPFD_CLOEXEC, 0);
  const int handle = world.engine.adopt(ends[0], true);
  if (!CHECK(handle >= 0)) return;
  CHECK(::write(ends[1], "a", 1) == 1);
  CHECK(world.run([&] { return world.fates[handle].bytes == "a"; }));
  world.engine.abort(handle);
  CHECK(world.run([&] { return world.fates[handle].closed; }));
  CHECK(::write(ends[1], "b", 1) == 1);
  int woken = 0;
  for (int i = 0; i < 50; ++i) {
    if (world.engine.backend().wait(1)) ++woken;
    world.engine.deliver(1);
  }
  CHECK(woken <= 3);
  std::array<char, 16> heard;
  CHECK_EQUAL(::read(kept, heard.data(), heard.size()), 1);
  ::close(kept);
  ::close(ends[1]);
}

}  // namespace skein
