// What is kqueue's own among the selectors: changes that are gathered, EV_EOF, waking by EVFILT_USER.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <thread>
#include <vector>

#include "backend/selector/selector.h"
#include "test/test.h"

namespace skein {

namespace {

struct Opened {
  Opened() { CHECK_EQUAL(selector->open(), 0); }

  // What comes within a moment.
  std::vector<Ready> wait(int timeout_ms = 20) {
    std::array<Ready, 128> ready;
    const int count = selector->wait(ready, timeout_ms);
    return count <= 0 ? std::vector<Ready>{} : std::vector<Ready>(ready.begin(), ready.begin() + count);
  }

  int submit() { return selector->submit(refused); }

  std::unique_ptr<Selector> selector = make_kqueue_selector();
  std::vector<Ready> refused;
};

// Two connected sockets.
struct Pair {
  Pair() {
    const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    CHECK_EQUAL(::bind(listener, reinterpret_cast<sockaddr*>(&address), length), 0);
    CHECK_EQUAL(::listen(listener, 1), 0);
    CHECK_EQUAL(::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length), 0);
    left = ::socket(AF_INET, SOCK_STREAM, 0);
    CHECK_EQUAL(::connect(left, reinterpret_cast<sockaddr*>(&address), length), 0);
    right = ::accept(listener, nullptr, nullptr);
    ::close(listener);
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    ::close(left);
    if (right >= 0) ::close(right);
  }

  void reset() {
    const linger at_once{1, 0};
    CHECK_EQUAL(::setsockopt(right, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once), 0);
    ::close(right);
    right = -1;
  }

  int left = -1;
  int right = -1;
};

}  // namespace

TEST("changes are gathered and take effect with submit()") {
  Opened opened;
  const Pair pair;
  CHECK(!opened.selector->holds_changes());
  CHECK_EQUAL(opened.selector->add(pair.left, kRead | kWrite, 7), 0);
  CHECK(opened.selector->holds_changes());
  CHECK(opened.wait().empty());
  CHECK_EQUAL(opened.submit(), 0);
  CHECK(!opened.selector->holds_changes());
  const std::vector<Ready> ready = opened.wait();
  if (!CHECK_EQUAL(ready.size(), 1)) return;
  CHECK_EQUAL(ready[0].handle, 7);
  CHECK_EQUAL(ready[0].what, kWrite);
  CHECK_EQUAL(opened.selector->modify(pair.left, kWrite, 7), 0);
  CHECK_EQUAL(opened.selector->modify(pair.left, kRead, 7), 0);
  CHECK_EQUAL(opened.submit(), 0);
  CHECK(opened.wait().empty());
}

TEST("more changes than one call takes are all handed over, and one that is refused hinders no other") {
  Opened opened;
  const Pair pair;
  std::vector<int> copies;
  for (int i = 0; i < 700; ++i) copies.push_back(::dup(pair.left));
  const int closed = copies[350];
  for (const int copy : copies) CHECK_EQUAL(opened.selector->add(copy, kWrite, copy), 0);
  ::close(closed);
  CHECK_EQUAL(opened.submit(), -EBADF);
  CHECK(opened.refused.size() == 1 && opened.refused[0].handle == closed && opened.refused[0].error == EBADF);
  CHECK(!opened.selector->holds_changes());
  std::vector<bool> seen(static_cast<std::size_t>(copies.back()) + 1);
  std::size_t count = 0;
  for (int i = 0; i < 100 && count < copies.size() - 1; ++i) {
    for (const Ready& ready : opened.wait()) {
      if (seen[static_cast<std::size_t>(ready.handle)]) continue;
      seen[static_cast<std::size_t>(ready.handle)] = true;
      ++count;
    }
  }
  CHECK_EQUAL(count, copies.size() - 1);
  for (const int copy : copies) {
    opened.selector->remove(copy);
    if (copy != closed) ::close(copy);
  }
}

TEST("a removed descriptor is out of the kernel's set at once, whatever was gathered for it before") {
  Opened opened;
  const Pair pair;
  opened.selector->add(pair.left, kWrite, 7);
  opened.selector->remove(pair.left);
  CHECK(!opened.selector->holds_changes());
  CHECK(opened.wait().empty());
  opened.selector->add(pair.left, kWrite, 8);
  opened.submit();
  const std::vector<Ready> ready = opened.wait();
  CHECK(ready.size() == 1 && ready[0].handle == 8);
}

TEST("a half close is something to read, again and again, and no hangup") {
  Opened opened;
  const Pair pair;
  opened.selector->add(pair.left, kRead, 7);
  opened.submit();
  CHECK(::send(pair.right, "x", 1, 0) == 1);
  ::shutdown(pair.right, SHUT_WR);
  for (int i = 0; i < 3; ++i) {
    const std::vector<Ready> ready = opened.wait(1000);
    if (!CHECK_EQUAL(ready.size(), 1)) return;
    CHECK_EQUAL(ready[0].what, kRead);
    CHECK_EQUAL(ready[0].error, 0);
  }
}

TEST("a reset is a hangup that brings its errno") {
  for (const std::uint32_t interest : {kRead, kWrite}) {
    Opened opened;
    Pair pair;
    opened.selector->add(pair.left, interest, 7);
    pair.reset();
    opened.submit();
    const std::vector<Ready> ready = opened.wait(1000);
    if (!CHECK_EQUAL(ready.size(), 1)) return;
    CHECK_EQUAL(ready[0].what, interest | kHangup);
    CHECK_EQUAL(ready[0].error, ECONNRESET);
  }
}

TEST("wake() ends a wait of another thread, or the next one, and only that") {
  Opened opened;
  std::thread waiter([&] { CHECK(opened.wait(60'000).empty()); });
  opened.selector->wake();
  waiter.join();
  opened.selector->wake();
  opened.selector->wake();
  CHECK(opened.wait(60'000).empty());
  const Pair pair;
  opened.selector->add(pair.left, kWrite, 7);
  opened.submit();
  CHECK_EQUAL(opened.wait(1000).size(), 1);
}

}  // namespace skein
