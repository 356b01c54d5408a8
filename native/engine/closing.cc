// How an endpoint ends, and when its slot is free.
#include <algorithm>
#include <utility>

#include "engine/engine.h"
#include "net/socket.h"

namespace skein {

void Engine::finish_close(Connection& connection) {
  // See kLingering in connection.h.
  const bool fin_seen = connection.stage == nullptr ? connection.eof : connection.stage->wire_ended;
  if (!fin_seen && !connection.shut) {
    // It fails when the peer's reset came before, which has destroyed what the peer had not read yet.
    if (const int result = net::shutdown_write(connection.fd); result < 0) {
      fail(connection, -result);
      return;
    }
    connection.shut = true;
  }
  if (!fin_seen && backend_->arm_receive(connection) == 0) {
    report_closed(connection.handle, 0, CloseReason::kFlushed);
    linger(connection);
    return;
  }
  end(connection, 0, CloseReason::kFlushed, Ending::kClose);
}

void Engine::linger(Connection& connection) {
  connection.phase = Phase::kLingering;
  connection.reading = true;
  ++stats_.lingering;
  // Those that have closed are dropped when they are half of all, so that each costs little.
  if (lingering_.size() >= 2 * std::max<std::size_t>(kLingeringMost, stats_.lingering)) {
    std::erase_if(lingering_, [this](Handle handle) {
      const auto* other = table_.find<Connection>(handle);
      return other == nullptr || other->phase != Phase::kLingering;
    });
  }
  lingering_.push_back(connection.handle);
}

// Peers that neither read nor close must not take the descriptors that others need. A shortage is over with its turn,
// also when nothing lingers: a connection that lingers later is not closed for it.
void Engine::trim_lingering() {
  while (stats_.lingering > kLingeringMost && end_oldest_lingering()) continue;
  if (!std::exchange(short_of_descriptors_, false)) return;
  for (int i = 0; i < kLingeringYielded && end_oldest_lingering(); ++i) continue;
}

bool Engine::end_oldest_lingering() {
  while (!lingering_.empty()) {
    auto* connection = table_.find<Connection>(lingering_.front());
    lingering_.pop_front();
    if (connection == nullptr || connection->phase != Phase::kLingering) continue;
    release(*connection, Ending::kClose);
    return true;
  }
  return false;
}

void Engine::fail(Endpoint& endpoint, int error) {
  // The program was told already.
  if (endpoint.phase == Phase::kLingering) {
    release(endpoint, Ending::kClose);
    return;
  }
  end(endpoint, error, CloseReason::kError, endpoint.phase == Phase::kWatching ? Ending::kLeaveOpen : Ending::kClose);
}

void Engine::end(Endpoint& endpoint, int error, CloseReason reason, Ending ending) {
  report_closed(endpoint.handle, error, reason);
  release(endpoint, ending);
}

void Engine::report_closed(Handle handle, int error, CloseReason reason) {
  completions_.push(Kind::kClosed, handle, error, static_cast<std::int32_t>(reason));
  if (!in_turn_) program_.settle_soon();
}

void Engine::release(Endpoint& endpoint, Ending ending) {
  if (endpoint.phase == Phase::kLingering) --stats_.lingering;
  if (endpoint.phase == Phase::kListening) std::erase(paused_listeners_, endpoint.handle);
  if (!retries_.empty()) [[unlikely]]
    retries_.forget(endpoint.handle);
  endpoint.phase = Phase::kClosed;
  --stats_.connections;
  if (backend_->close(endpoint, ending)) on_closed(endpoint.handle);
  if (!paused_listeners_.empty()) resume_paused_listeners();
}

// The slot is freed after the records that name it were read.
void Engine::on_closed(Handle handle) {
  const Endpoint* endpoint = table_.find(handle);
  if (endpoint == nullptr || endpoint->phase != Phase::kClosed) return;
  if (auto* connection = table_.find<Connection>(handle)) clear_outboxes(*connection);
  closed_.push_back(handle);
}

// A descriptor is free again.
void Engine::resume_paused_listeners() {
  const std::vector<Handle> listeners = std::move(paused_listeners_);
  paused_listeners_.clear();
  for (const Handle handle : listeners) resume_accept(handle);
}

}  // namespace skein
