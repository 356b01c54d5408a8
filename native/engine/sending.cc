// How what was written leaves: directly, from the outbox at the end of a turn, or when the kernel takes bytes again;
// and what is due once all has left.
#include <algorithm>
#include <array>

#include "engine/engine.h"
#include "net/socket.h"

namespace skein {

// What was written before goes first, in the same call. Returns how many of `bytes` the kernel took.
std::size_t Engine::send_directly(Connection& connection, std::span<const std::uint8_t> bytes) {
  std::array<Slice, kSlicesPerSend> slices;
  const std::size_t before = connection.outbox.pending();
  const std::size_t used = connection.outbox.gather(std::span(slices).first(kSlicesPerSend - 1));
  std::size_t gathered = 0;
  for (std::size_t i = 0; i < used; ++i) gathered += slices[i].size;
  if (gathered != before) return 0;
  slices[used] = {const_cast<std::uint8_t*>(bytes.data()), bytes.size()};
  const std::ptrdiff_t sent = backend_->submit_send(connection, std::span(slices).first(used + 1));
  if (sent < 0) {
    send_failed(connection, static_cast<int>(-sent));
    return 0;
  }
  const auto taken = static_cast<std::size_t>(sent);
  connection.outbox.consume(pool_, std::min(taken, before));
  return taken > before ? taken - before : 0;
}

void Engine::send_pending(Connection& connection) {
  if (connection.stage != nullptr) {
    send_sealed(connection);
    return;
  }
  std::size_t budget = kFlushBytes;
  send_outbox(connection, connection.outbox, budget);
}

void Engine::send_outbox(Connection& connection, Outbox& outbox, std::size_t& budget) {
  while (!outbox.empty() && !connection.sending) {
    std::array<Slice, kSlicesPerSend> slices;
    const std::size_t used = outbox.gather(slices);
    const std::ptrdiff_t sent = backend_->submit_send(connection, std::span(slices).first(used));
    if (sent == Backend::kInFlight) {
      connection.sending = true;
      return;
    }
    if (sent < 0) {
      send_failed(connection, static_cast<int>(-sent));
      return;
    }
    std::size_t asked = 0;
    for (std::size_t i = 0; i < used; ++i) asked += slices[i].size;
    const auto taken = static_cast<std::size_t>(sent);
    outbox.consume(pool_, taken);
    if (taken < asked) return;
    if (taken >= budget && !outbox.empty()) {
      // Other connections want to send, too: the rest goes in the next round.
      if (!connection.dirty) mark_dirty(connection);
      return;
    }
    budget -= std::min(budget, taken);
  }
}

void Engine::send_all(Connection& connection) {
  send_pending(connection);
  if (unsent(connection) == 0) outbox_emptied(connection);
}

void Engine::on_sent(Handle handle, std::ptrdiff_t result) {
  auto* connection = table_.find<Connection>(handle);
  // A filter's last bytes (a closing record, an alert) are sent while the connection lingers.
  if (connection == nullptr || (!is_live(*connection) && !says_last_words(*connection))) return;
  connection->sending = false;
  if (result < 0) {
    send_failed(*connection, static_cast<int>(-result));
    return;
  }
  Outbox& outbox = connection->stage == nullptr ? connection->outbox : connection->stage->sealed;
  outbox.consume(pool_, static_cast<std::size_t>(result));
  send_all(*connection);
}

void Engine::outbox_emptied(Connection& connection) {
  if (connection.stage != nullptr && connection.phase == Phase::kLingering) end_lingering_side(connection);
  if (connection.phase != Phase::kOpen && connection.phase != Phase::kFlushing) return;
  const bool ends = connection.phase == Phase::kFlushing || (connection.shut_asked && !connection.shut);
  if (connection.stage != nullptr && ends && !close_filter(connection)) return;
  if (connection.phase == Phase::kFlushing) {
    finish_close(connection);
    return;
  }
  if (connection.notify_drain) completions_.push(Kind::kWriteDrained, connection.handle);
  if (connection.shut_asked && !connection.shut) {
    connection.shut = true;
    if (const int result = net::shutdown_write(connection.fd); result < 0) {
      fail(connection, -result);
    } else {
      completions_.push(Kind::kWriteShut, connection.handle);
    }
  }
}

}  // namespace skein
