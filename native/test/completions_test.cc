#include "engine/completions.h"

#include <array>

#include "test/test.h"

namespace skein {

TEST("records that find no room lead the next reading, in order") {
  std::array<std::int32_t, 4 * 4> words{};
  Completions completions(words);
  for (Handle handle = 1; handle <= 10; ++handle) completions.push(Kind::kReadEof, handle);
  Handle expected = 1;
  while (!completions.empty()) {
    const std::size_t records = completions.begin_reading();
    CHECK(records <= 4);
    for (std::size_t i = 0; i < records; ++i) CHECK_EQUAL(words[i * 4 + 1], expected++);
    completions.end_reading();
  }
  CHECK_EQUAL(expected, 11);
}

TEST("what is pushed while the array is read does not change it") {
  std::array<std::int32_t, 8 * 4> words{};
  Completions completions(words);
  completions.push(Kind::kReadEof, 1);
  CHECK_EQUAL(completions.begin_reading(), 1);
  completions.push(Kind::kClosed, 2, 7, 1);
  CHECK_EQUAL(words[4 + 1], 0);
  CHECK_EQUAL(completions.room(), 0);
  completions.end_reading();
  CHECK(!completions.empty());
  CHECK_EQUAL(completions.begin_reading(), 1);
  CHECK_EQUAL(words[1], 2);
  CHECK_EQUAL(words[2], 7);
  completions.end_reading();
  CHECK(completions.empty());
}

}  // namespace skein
