// Descriptors of the program's own, over every backend of this build that can watch them.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "backend/registry.h"
#include "engine/engine.h"
#include "test/test.h"

namespace skein {

namespace {

// Keeps what each handle was said to be ready for, and how often.
class Watcher final : public Program {
 public:
  explicit Watcher(const BackendEntry& backend)
      : words(64 * 4), arena(64 * 1024), engine(backend.make(), *this, {words, arena}) {
    CHECK_EQUAL(engine.open(), 0);
  }

  bool dispatch(std::size_t records) override {
    for (std::size_t i = 0; i < records; ++i) {
      const std::int32_t* word = &words[i * 4];
      if (static_cast<Kind>(word[0]) == Kind::kClosed) closed.push_back(word[1]);
      if (static_cast<Kind>(word[0]) != Kind::kReady) continue;
      ready[word[1]] |= static_cast<std::uint32_t>(word[2]);
      ++times[word[1]];
      if (on_ready) on_ready(word[1]);
    }
    return true;
  }

  void settle_soon() override {}

  bool run(const std::function<bool()>& done) {
    for (int i = 0; i < 2000 && !done(); ++i) {
      engine.settle();
      engine.turn(1);
    }
    return done();
  }

  // Turns in which nothing is expected.
  void rest() {
    for (int i = 0; i < 10; ++i) {
      engine.settle();
      engine.turn(1);
    }
  }

  std::vector<std::int32_t> words;
  std::vector<std::uint8_t> arena;
  std::map<Handle, std::uint32_t> ready;
  std::map<Handle, int> times;
  std::vector<Handle> closed;
  std::function<void(Handle)> on_ready;
  Engine engine;
};

struct Pipe {
  Pipe() {
    std::array<int, 2> ends;
    CHECK_EQUAL(::pipe(ends.data()), 0);
    reading = ends[0];
    writing = ends[1];
    for (const int end : ends) ::fcntl(end, F_SETFL, O_NONBLOCK);
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  ~Pipe() {
    for (const int end : {reading, writing}) {
      if (end >= 0) ::close(end);
    }
  }

  void put(const char* text) { CHECK(::write(writing, text, 1) == 1); }
  bool get() {
    char letter;
    return ::read(reading, &letter, 1) == 1;
  }
  void fill() {
    const std::array<char, 4096> block{};
    while (::write(writing, block.data(), block.size()) > 0) {
    }
  }

  int reading = -1;
  int writing = -1;
};

void on_each_backend(const std::function<void(Watcher&)>& body) {
  for (const BackendEntry& backend : backends()) {
    if (!backend.probe().empty()) continue;
    test::set_context(backend.name);
    Watcher watcher(backend);
    const Pipe pipe;
    const int handle = watcher.engine.poll(pipe.reading, kRead);
    if (handle == -ENOTSUP) continue;
    watcher.engine.abort(handle);
    body(watcher);
  }
  test::set_context("");
}

}  // namespace

TEST("a polled descriptor is told in every turn in which it is ready, and in no other") {
  on_each_backend([](Watcher& watcher) {
    Pipe pipe;
    const int handle = watcher.engine.poll(pipe.reading, kRead);
    if (!CHECK(handle >= 0)) return;
    watcher.rest();
    CHECK_EQUAL(watcher.times[handle], 0);
    pipe.put("a");
    pipe.put("b");
    watcher.on_ready = [&](Handle) { pipe.get(); };
    CHECK(watcher.run([&] { return watcher.times[handle] == 2; }));
    watcher.rest();
    CHECK_EQUAL(watcher.times[handle], 2);
    CHECK_EQUAL(watcher.ready[handle], kRead);
  });
}

TEST("interest changes at once, and none at all is silent until there is some again") {
  on_each_backend([](Watcher& watcher) {
    std::array<int, 2> ends;
    CHECK_EQUAL(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends.data()), 0);
    const int handle = watcher.engine.poll(ends[0], kRead);
    if (!CHECK(handle >= 0)) return;
    watcher.rest();
    CHECK_EQUAL(watcher.times[handle], 0);
    CHECK_EQUAL(watcher.engine.set_interest(handle, kRead | kWrite), 0);
    CHECK(watcher.run([&] { return watcher.ready[handle] == kWrite; }));
    CHECK_EQUAL(watcher.engine.set_interest(handle, kNone), 0);
    CHECK(::write(ends[1], "x", 1) == 1);
    watcher.rest();
    watcher.ready.clear();
    watcher.rest();
    CHECK_EQUAL(watcher.ready[handle], 0u);
    CHECK_EQUAL(watcher.engine.set_interest(handle, kRead), 0);
    CHECK(watcher.run([&] { return watcher.ready[handle] == kRead; }));
    watcher.engine.abort(handle);
    for (const int end : ends) ::close(end);
  });
}

TEST("a pipe without room is told when there is some") {
  on_each_backend([](Watcher& watcher) {
    Pipe pipe;
    pipe.fill();
    const int handle = watcher.engine.poll(pipe.writing, kWrite);
    if (!CHECK(handle >= 0)) return;
    watcher.rest();
    CHECK_EQUAL(watcher.times[handle], 0);
    while (pipe.get()) {
    }
    CHECK(watcher.run([&] { return watcher.times[handle] > 0; }));
    CHECK_EQUAL(watcher.ready[handle] & kWrite, kWrite);
  });
}

TEST("the end of the other side is told to a reader after the last byte, and to a writer") {
  on_each_backend([](Watcher& watcher) {
    Pipe pipe;
    Pipe full;
    pipe.put("x");
    full.fill();
    const int reader = watcher.engine.poll(pipe.reading, kRead);
    const int writer = watcher.engine.poll(full.writing, kWrite);
    if (!CHECK(reader >= 0 && writer >= 0)) return;
    ::close(std::exchange(pipe.writing, -1));
    ::close(std::exchange(full.reading, -1));
    CHECK(watcher.run([&] { return (watcher.ready[reader] & kRead) != 0 && watcher.ready[writer] != 0; }));
    CHECK(pipe.get());
    watcher.ready.clear();
    CHECK(watcher.run([&] { return watcher.ready[reader] != 0; }));
  });
}

TEST("an aborted handle leaves its descriptor open, and the descriptor may be polled again or closed") {
  on_each_backend([](Watcher& watcher) {
    Pipe pipe;
    const int first = watcher.engine.poll(pipe.reading, kRead);
    if (!CHECK(first >= 0)) return;
    watcher.engine.abort(first);
    CHECK(::fcntl(pipe.reading, F_GETFD) >= 0);
    const int second = watcher.engine.poll(pipe.reading, kRead);
    CHECK(second >= 0 && second != first);
    pipe.put("x");
    CHECK(watcher.run([&] { return watcher.ready[second] != 0; }));
    CHECK_EQUAL(watcher.times[first], 0);
    CHECK_EQUAL(std::count(watcher.closed.begin(), watcher.closed.end(), first), 1);
    watcher.engine.abort(second);
    CHECK_EQUAL(watcher.engine.set_interest(second, kRead), -EBADF);
  });
}

TEST("a polled descriptor that the program has closed keeps the engine busy only with telling of it") {
  on_each_backend([](Watcher& watcher) {
    Pipe pipe;
    const int handle = watcher.engine.poll(pipe.reading, kRead);
    if (!CHECK(handle >= 0)) return;
    watcher.on_ready = [&](Handle) {
      if (pipe.reading >= 0) ::close(std::exchange(pipe.reading, -1));
    };
    pipe.put("x");
    CHECK(watcher.run([&] { return watcher.times[handle] == 1; }));
    int idle = 0;
    for (int i = 0; i < 30; ++i) {
      const int told = watcher.times[handle];
      const bool woken = watcher.engine.backend().wait(1);
      watcher.engine.deliver(1);
      if (woken && watcher.times[handle] == told) ++idle;
    }
    CHECK(idle <= 3);
  });
}

TEST("an engine that goes leaves polled descriptors open") {
  for (const BackendEntry& backend : backends()) {
    if (!backend.probe().empty()) continue;
    Pipe pipe;
    {
      Watcher watcher(backend);
      if (watcher.engine.poll(pipe.reading, kRead) < 0) continue;
    }
    CHECK(::fcntl(pipe.reading, F_GETFD) >= 0);
  }
}

}  // namespace skein
