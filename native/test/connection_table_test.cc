// Built with two bits of generation, so that they come round soon.
#include "engine/connection_table.h"

#include <set>

#include "test/test.h"

namespace skein {

static_assert(kGenerationBits == 2);

TEST("a handle finds its connection until the slot is given back, and never after") {
  ConnectionTable table;
  Connection* connection = table.add();
  connection->phase = Phase::kOpen;
  const Handle handle = connection->handle;
  CHECK(table.find(handle) == connection);
  table.remove(*connection);
  CHECK(table.find(handle) == nullptr);
  Connection* next = table.add();
  next->phase = Phase::kOpen;
  CHECK(next == connection);
  CHECK(table.find(handle) == nullptr);
  CHECK(table.find(next->handle) == next);
}

TEST("a slot's handles differ until the generations have come round") {
  ConnectionTable table;
  std::set<Handle> seen;
  for (std::uint32_t i = 0; i < kGenerationCount; ++i) {
    Connection* connection = table.add();
    connection->phase = Phase::kOpen;
    CHECK(seen.insert(connection->handle).second);
    CHECK(connection->handle >= 0);
    table.remove(*connection);
  }
  CHECK(!seen.insert(table.add()->handle).second);
}

TEST("connections stay where they are while the table grows") {
  ConnectionTable table;
  Connection* first = table.add();
  first->phase = Phase::kOpen;
  const Handle handle = first->handle;
  for (int i = 0; i < 2000; ++i) table.add()->phase = Phase::kOpen;
  CHECK(table.find(handle) == first);
  std::size_t count = 0;
  table.each([&count](Connection&) { ++count; });
  CHECK_EQUAL(count, 2001);
}

TEST("handles that were never given out find nothing") {
  ConnectionTable table;
  table.add()->phase = Phase::kOpen;
  CHECK(table.find(-1) == nullptr);
  CHECK(table.find(make_handle(1, 0)) == nullptr);
  CHECK(table.find(make_handle(kSlotCount - 1, 1)) == nullptr);
}

}  // namespace skein
