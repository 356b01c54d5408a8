// What poll(2) and select(2) have to get right because the list of descriptors is theirs.
#include "backend/selector/list_selector.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "backend/selector/selector.h"
#include "test/test.h"

namespace skein {

namespace {

constexpr std::size_t kEvents = 128;

using Make = std::unique_ptr<Selector> (*)();
constexpr std::array<Make, 2> kSelectors{make_poll_selector, make_select_selector};

void on_each_selector(void (*body)(Selector& selector)) {
  for (const Make make : kSelectors) {
    const std::unique_ptr<Selector> selector = make();
    test::set_context(selector->name());
    if (CHECK_EQUAL(selector->open(), 0)) body(*selector);
  }
  test::set_context("");
}

// A descriptor that is readable when it was made with 1, and always writable.
class Event {
 public:
  explicit Event(unsigned value = 0) : fd_(::eventfd(value, EFD_NONBLOCK | EFD_CLOEXEC)) { CHECK(fd_ >= 0); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  Event(Event&& other) noexcept : fd_(other.release()) {}
  ~Event() {
    if (fd_ >= 0) ::close(fd_);
  }

  int fd() const { return fd_; }
  int release() {
    const int fd = fd_;
    fd_ = -1;
    return fd;
  }

 private:
  int fd_;
};

// What each handle is ready for, by its number.
std::vector<std::uint32_t> wait_once(Selector& selector, std::size_t handles, int timeout_ms = 0) {
  std::array<Ready, kEvents> ready;
  std::vector<std::uint32_t> what(handles, kNone);
  const int count = selector.wait(ready, timeout_ms);
  CHECK(count >= 0);
  for (int i = 0; i < count; ++i) {
    const auto& [handle, told, error] = ready[static_cast<std::size_t>(i)];
    CHECK_EQUAL(error, 0);
    what[static_cast<std::size_t>(handle)] |= told;
  }
  return what;
}

}  // namespace

TEST("of more ready descriptors than a wait can report, none is passed over twice") {
  on_each_selector([](Selector& selector) {
    constexpr std::size_t kMany = 3 * kEvents - 7;
    std::vector<Event> events;
    for (std::size_t i = 0; i < kMany; ++i) {
      events.emplace_back(1);
      CHECK_EQUAL(selector.add(events.back().fd(), kRead, static_cast<Handle>(i)), 0);
    }
    std::vector<int> told(kMany, 0);
    for (int round = 1; round <= 9; ++round) {
      const std::vector<std::uint32_t> what = wait_once(selector, kMany);
      for (std::size_t i = 0; i < kMany; ++i) told[i] += what[i] == kRead ? 1 : 0;
      const auto [least, most] = std::minmax_element(told.begin(), told.end());
      CHECK(*most - *least <= 1);
      if (round % 3 == 0) CHECK(*least >= round / 3);
    }
  });
}

TEST("what waits for nothing is not reported, and what waits for both is told both") {
  on_each_selector([](Selector& selector) {
    const Event event(1);
    CHECK_EQUAL(selector.add(event.fd(), kNone, 0), 0);
    CHECK_EQUAL(wait_once(selector, 1)[0], kNone);
    CHECK_EQUAL(selector.modify(event.fd(), kRead | kWrite, 0), 0);
    CHECK_EQUAL(wait_once(selector, 1)[0], kRead | kWrite);
    CHECK_EQUAL(selector.modify(event.fd(), kWrite, 0), 0);
    CHECK_EQUAL(wait_once(selector, 1)[0], kWrite);
    CHECK_EQUAL(selector.remove(event.fd()), 0);
    CHECK_EQUAL(wait_once(selector, 1)[0], kNone);
  });
}

TEST("a descriptor is added once, and changed or removed only while it is there") {
  on_each_selector([](Selector& selector) {
    const Event event;
    CHECK_EQUAL(selector.modify(event.fd(), kRead, 0), -ENOENT);
    CHECK_EQUAL(selector.remove(event.fd()), -ENOENT);
    CHECK_EQUAL(selector.add(event.fd(), kRead, 0), 0);
    CHECK_EQUAL(selector.add(event.fd(), kRead, 1), -EEXIST);
    CHECK_EQUAL(selector.remove(event.fd()), 0);
    CHECK_EQUAL(selector.remove(event.fd()), -ENOENT);
  });
}

TEST("a descriptor that was closed without being removed is told, and the others are told as before") {
  on_each_selector([](Selector& selector) {
    Event closed(1);
    const Event readable(1);
    const Event silent;
    const int number = closed.fd();
    CHECK_EQUAL(selector.add(number, kRead, 0), 0);
    CHECK_EQUAL(selector.add(readable.fd(), kRead, 1), 0);
    CHECK_EQUAL(selector.add(silent.fd(), kRead, 2), 0);
    ::close(closed.release());
    for (int round = 0; round < 3; ++round) {
      const std::vector<std::uint32_t> what = wait_once(selector, 3, 1000);
      CHECK_EQUAL(what[0], kHangup);
      CHECK_EQUAL(what[1], kRead);
      CHECK_EQUAL(what[2], kNone);
    }
    CHECK_EQUAL(selector.remove(number), 0);
    const std::vector<std::uint32_t> what = wait_once(selector, 3);
    CHECK_EQUAL(what[0], kNone);
    CHECK_EQUAL(what[1], kRead);
  });
}

TEST("a change ends a wait that is under way, and wake() ends one, before it or during it") {
  on_each_selector([](Selector& selector) {
    const Event event;
    std::array<Ready, kEvents> ready;
    for (int round = 0; round < 50; ++round) {
      std::thread waiting([&] { CHECK_EQUAL(selector.wait(ready, -1), 0); });
      // The thread may begin to wait only after the change: that is what wake() is for.
      CHECK_EQUAL(round % 2 == 0 ? selector.add(event.fd(), kRead, 0) : selector.remove(event.fd()), 0);
      selector.wake();
      waiting.join();
    }
    selector.wake();
    CHECK_EQUAL(selector.wait(ready, -1), 0);
    CHECK_EQUAL(selector.wait(ready, 0), 0);
  });
}

}  // namespace skein
