// The engine's side of the seam: what it does about each thing that the backend reports. How a send ends stands in
// sending.cc, how an endpoint does in closing.cc.
#include <algorithm>
#include <cerrno>
#include <utility>

#include "engine/engine.h"
#include "net/errno_table.h"
#include "net/socket.h"

namespace skein {

Endpoint* Engine::find(Handle handle) {
  Endpoint* endpoint = table_.find(handle);
  if (endpoint != nullptr && endpoint->fd >= 0) return endpoint;
  ++stats_.stale;
  return nullptr;
}

bool Engine::on_accept(Handle handle, Descriptor fd, const Address& peer) {
  if (completions_.room() == 0 || arena_.rest().size() < kPackedAddressMost) {
    if (!dispatch_early()) {
      net::close(fd);
      return false;
    }
  }
  auto* listener = live<Listener>(handle);
  if (listener == nullptr) {
    net::close(fd);
    return false;
  }
  Connection* connection = add_connection(fd, Phase::kOpen);
  if (connection == nullptr) {
    net::close(fd);
    on_accept_end(handle, ENOMEM, false);
    return false;
  }
  connection->reading = true;
  if (listener->filters != nullptr && !begin_filter(*connection, listener->filters->make())) {
    release(*connection, Ending::kReset);
    return true;
  }
  completions_.push(Kind::kAccepted, handle, connection->handle, static_cast<std::int32_t>(arena_.used()));
  arena_.take(pack_address(peer, arena_.rest().first<kPackedAddressMost>()));
  // The filter may speak first.
  if (connection->stage != nullptr) mark_dirty(*connection);
  arm_receive(*connection);
  return true;
}

void Engine::on_accept_end(Handle handle, int error, bool drained) {
  auto* listener = live<Listener>(handle);
  if (listener == nullptr) return;
  if (drained) {
    listener->starving = false;
    return;
  }
  completions_.push(Kind::kListenerError, handle, error, listener->starving ? 2 : 1);
  listener->starving = true;
  listener->paused = true;
  paused_listeners_.push_back(handle);
  short_of_descriptors_ = true;
  backend_->disarm_accept(*listener);
  if (!in_turn_) program_.settle_soon();
}

void Engine::on_connected(Handle handle, int error) {
  auto* connection = live<Connection>(handle);
  if (connection == nullptr) return;
  if (error == 0) {
    connection->phase = Phase::kOpen;
    connection->reading = true;
    error = -backend_->arm_receive(*connection);
    if (net::meaning_of(net::Call::kReceive, error) == net::Meaning::kPause) {
      receive_failed(*connection, std::exchange(error, 0));
    }
    // The filter may send before the program does (a handshake).
    if (connection->stage != nullptr && !connection->dirty) mark_dirty(*connection);
  }
  completions_.push(Kind::kConnected, handle, error);
  if (error != 0) release(*connection, Ending::kClose);
}

void Engine::on_ready(Handle handle, std::uint32_t what) {
  if (live<Watch>(handle) != nullptr) completions_.push(Kind::kReady, handle, static_cast<std::int32_t>(what));
}

// A reset behind the peer's FIN: nothing is received any more that would tell of it. Of one that is paused, the bytes
// before the reset may still be read. An orderly end of both sides leaves no error, but with a filter: a peer that has
// closed behind its closing record answers ours with a reset, and nothing is lost by that.
void Engine::on_hangup(Handle handle) {
  auto* connection = live<Connection>(handle);
  if (connection == nullptr || !connection->eof || (connection->stage != nullptr && connection->shut)) return;
  if (const int error = net::connect_error(connection->fd); error != 0) fail(*connection, error);
}

// The one place that runs the program while the backend delivers: when the records or the arena are used up.
// There is room again afterwards: bytes in the arena are good for one dispatch only, so their record must not wait in
// the overflow, behind those of connections that the program has just closed.
bool Engine::dispatch_early() {
  if (!dispatch()) return false;
  flush();
  while (completions_.room() == 0) {
    if (!dispatch()) return false;
  }
  return true;
}

std::span<std::uint8_t> Engine::receive_window(Handle handle) {
  auto* connection = table_.find<Connection>(handle);
  if (connection == nullptr) return {};
  if (connection->phase == Phase::kLingering) return lingering_window(*connection);
  if (connection->stage != nullptr && connection->phase != Phase::kClosed) return wire_window(*connection);
  if (!connection->reading || connection->eof || connection->phase == Phase::kClosed) return {};
  if (completions_.room() == 0 || arena_.rest().size() < connection->expect) {
    if (!dispatch_early()) return {};
    connection = table_.find<Connection>(handle);
    if (connection != nullptr && connection->phase == Phase::kLingering) return lingering_window(*connection);
    if (connection == nullptr || connection->phase != Phase::kOpen || !connection->reading) return {};
  }
  const std::span<std::uint8_t> rest = arena_.rest();
  window_ = rest.first(std::min(rest.size(), kReadBytesMax));
  return window_;
}

void Engine::on_received(Handle handle, std::ptrdiff_t result) {
  auto* connection = table_.find<Connection>(handle);
  if (connection == nullptr || connection->phase == Phase::kClosed) return;
  if (connection->phase == Phase::kLingering) {
    if (result == 0 && says_last_words(*connection)) {
      connection->stage->wire_ended = true;
      connection->reading = false;
    } else if (result <= 0) {
      release(*connection, Ending::kClose);
    }
    return;
  }
  if (connection->stage != nullptr) {
    on_wire_received(*connection, result);
    return;
  }
  if (result > 0) {
    const auto bytes = static_cast<std::size_t>(result);
    SK_CHECK_OF(bytes <= window_.size() && window_.data() == arena_.rest().data(), handle, backend_->name());
    completions_.push(Kind::kData, handle, static_cast<std::int32_t>(arena_.used()), static_cast<std::int32_t>(bytes));
    arena_.take(bytes);
    if (!retries_.empty()) [[unlikely]]
      retries_.succeeded({handle, Retry::What::kReceive});
    const std::size_t likely = bytes == window_.size() ? 2 * bytes : bytes;
    connection->expect = static_cast<std::uint32_t>(std::clamp(likely, kReadBytesMin, kReadBytesMax));
    return;
  }
  if (result == 0 && !connection->shut && net::was_reset(connection->fd)) {
    fail(*connection, ECONNRESET);
    return;
  }
  if (result == 0) {
    connection->eof = true;
    completions_.push(Kind::kReadEof, handle);
    return;
  }
  receive_failed(*connection, static_cast<int>(-result));
}

}  // namespace skein
