#include "engine/outbox.h"

#include <array>
#include <cerrno>
#include <random>
#include <string>

#include "test/calls.h"
#include "test/test.h"

namespace skein {

namespace {

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string contents(const Outbox& outbox) {
  std::array<Slice, 64> slices;
  std::string text;
  for (std::size_t i = 0, used = outbox.gather(slices); i < used; ++i) {
    text.append(static_cast<const char*>(slices[i].data), slices[i].size);
  }
  return text;
}

}  // namespace

TEST("an outbox gives back what was appended, in order, as any mixture of appends and consumes says") {
  std::mt19937 random(7);
  BlockPool pool;
  Outbox outbox;
  std::string model;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 2 == 0) {
      const std::string piece(random() % (random() % 8 == 0 ? 9000 : 200), static_cast<char>('a' + random() % 26));
      CHECK(outbox.append(pool, bytes_of(piece)));
      model += piece;
    } else {
      const std::size_t gone = model.empty() ? 0 : random() % (model.size() + 1);
      outbox.consume(pool, gone);
      model.erase(0, gone);
    }
    CHECK_EQUAL(outbox.pending(), model.size());
    if (step % 16 == 0 && !CHECK_EQUAL(contents(outbox), model.substr(0, contents(outbox).size()))) break;
  }
  outbox.clear(pool);
  CHECK(outbox.empty());
  CHECK_EQUAL(contents(outbox), std::string());
}

TEST("a steady flow takes nothing from the heap") {
  BlockPool pool;
  Outbox outbox;
  const std::string message(64, 'x');
  CHECK(outbox.append(pool, bytes_of(message)));
  outbox.consume(pool, message.size());
  const std::uint64_t before = test::calls(test::Call::kMalloc);
  for (int i = 0; i < 100'000; ++i) {
    outbox.append(pool, bytes_of(message));
    outbox.consume(pool, message.size());
  }
  CHECK_EQUAL(test::calls(test::Call::kMalloc), before);
  CHECK_EQUAL(pool.allocated(), 1);
}

TEST("an allocation that fails, whichever it is, is told and leaves the outbox usable") {
  const std::string piece(3000, 'y');
  for (unsigned nth = 1; nth <= 500; ++nth) {
    BlockPool pool;
    Outbox outbox;
    bool refused = false;
    {
      const test::FailNth failure(test::Call::kMalloc, nth, ENOMEM);
      for (int i = 0; i < 600 && !refused; ++i) refused = !outbox.append(pool, bytes_of(piece));
      CHECK_EQUAL(refused, failure.happened());
    }
    CHECK(outbox.append(pool, bytes_of(piece)));
    outbox.clear(pool);
    CHECK(outbox.empty());
  }
}

}  // namespace skein
