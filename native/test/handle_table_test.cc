// Built with two bits of generation, so that they come round soon.
#include "engine/handle_table.h"

#include <set>
#include <vector>

#include "test/test.h"

namespace skein {

static_assert(kGenerationBits == 2);

TEST("a handle finds its record until the slot is given back, and never after") {
  HandleTable table;
  auto* connection = table.add<Connection>();
  const Handle handle = connection->handle;
  CHECK(table.find<Connection>(handle) == connection);
  CHECK(table.find(handle) == connection);
  table.remove(handle);
  CHECK(table.find<Connection>(handle) == nullptr);
  CHECK(table.find(handle) == nullptr);
  table.remove(handle);
  CHECK(table.add<Connection>()->handle != handle);
}

TEST("a handle of one kind finds no record of another") {
  HandleTable table;
  const Handle listener = table.add<Listener>()->handle;
  const Handle connection = table.add<Connection>()->handle;
  const Handle watch = table.add<Watch>()->handle;
  CHECK(table.find<Connection>(listener) == nullptr && table.find<Connection>(watch) == nullptr);
  CHECK(table.find<Listener>(connection) == nullptr && table.find<Watch>(connection) == nullptr);
  CHECK(table.find<Listener>(listener) != nullptr && table.find<Watch>(watch) != nullptr);
  for (const Handle handle : {listener, connection, watch}) {
    if (!CHECK(table.find(handle) != nullptr)) continue;
    CHECK_EQUAL(table.find(handle)->handle, handle);
  }
  // Also after its slot was used for many others.
  for (int i = 0; i < 3000; ++i) table.remove(table.add<Listener>()->handle);
  CHECK(table.find<Connection>(connection) != nullptr);
}

TEST("the slot that has been free for longest is given out next, so that generations come round last") {
  HandleTable table;
  std::vector<Handle> handles;
  for (int i = 0; i < 300; ++i) handles.push_back(table.add<Connection>()->handle);
  const std::vector<std::size_t> freed{7, 3, 299, 0};
  for (const std::size_t i : freed) table.remove(handles[i]);
  // A page of 256 slots is used up first, then those that came back, in their order.
  std::vector<std::uint32_t> given;
  for (int i = 0; i < 512 - 300; ++i) table.add<Connection>();
  for (std::size_t i = 0; i < freed.size(); ++i) given.push_back(slot_of(table.add<Connection>()->handle));
  for (std::size_t i = 0; i < freed.size(); ++i) CHECK_EQUAL(given[i], slot_of(handles[freed[i]]));
}

TEST("no handle comes again before every free slot has had all its generations") {
  HandleTable table;
  std::set<Handle> seen;
  for (std::uint32_t i = 0; i < 256 * kGenerationCount; ++i) {
    const Handle handle = table.add<Connection>()->handle;
    CHECK(handle >= 0);
    if (!CHECK(seen.insert(handle).second)) return;
    table.remove(handle);
  }
  CHECK(!seen.insert(table.add<Connection>()->handle).second);
}

TEST("records stay where they are while the table grows, and begin as new ones") {
  HandleTable table;
  auto* first = table.add<Connection>();
  const Handle handle = first->handle;
  for (int i = 0; i < 2000; ++i) {
    auto* connection = table.add<Connection>();
    CHECK(!connection->reading && connection->outbox.empty() && connection->fd == kNoDescriptor);
    connection->reading = true;
    if (i % 3 == 0) table.remove(connection->handle);
  }
  CHECK(table.find<Connection>(handle) == first);
  std::size_t count = 0;
  table.each<Connection>([&count](Connection&) { ++count; });
  CHECK_EQUAL(count, 1 + 2000 - 667);
  table.each<Listener>([](Listener&) { CHECK(false); });
}

TEST("handles that were never given out find nothing") {
  HandleTable table;
  table.add<Connection>();
  for (const Handle handle : {kNoHandle, make_handle(1, 0), make_handle(kSlotCount - 1, 1)}) {
    CHECK(table.find(handle) == nullptr && table.find<Connection>(handle) == nullptr);
  }
}

}  // namespace skein
