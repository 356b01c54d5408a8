// What the program asks for, and the turns that the driver gives.
#include "engine/engine.h"

#include <algorithm>
#include <cerrno>

#include "net/errno_table.h"
#include "net/socket.h"

namespace skein {

Engine::Engine(std::unique_ptr<Backend> backend, Program& program, Memory memory)
    : backend_(std::move(backend)), program_(program), completions_(memory.completions), arena_(memory.arena) {
  SK_CHECK(memory.arena.size() >= kReadBytesMax);
}

Engine::~Engine() {
  stopped_ = true;
  const auto close_if_open = [this](Endpoint& endpoint, Ending ending) {
    if (endpoint.phase != Phase::kClosed) backend_->close(endpoint, ending);
  };
  table_.each<Connection>([&](Connection& connection) { close_if_open(connection, Ending::kClose); });
  table_.each<Listener>([&](Listener& listener) { close_if_open(listener, Ending::kClose); });
  table_.each<Watch>([&](Watch& watch) { close_if_open(watch, Ending::kLeaveOpen); });
  // What it has in flight ends here, and only then may the bytes go.
  backend_.reset();
  table_.each<Connection>([this](Connection& connection) { clear_outboxes(connection); });
}

// --- for the program -------------------------------------------------------------------------------------------------

template <typename Record>
Record* Engine::add(Descriptor fd, Phase phase) {
  Record* record = table_.add<Record>();
  if (record == nullptr) return nullptr;
  record->fd = fd;
  record->phase = phase;
  ++stats_.connections;
  return record;
}

Connection* Engine::add_connection(Descriptor fd, Phase phase) {
  auto* connection = add<Connection>(fd, phase);
  if (connection != nullptr) connection->expect = kReadBytesMin;
  return connection;
}

int Engine::listen(const Address& address, int backlog, bool reuse_port) {
  const Descriptor fd = net::open_listener(net::SocketKind::stream(address.family()), address, backlog, reuse_port);
  if (fd < 0) return static_cast<int>(fd);
  auto* listener = add<Listener>(fd, Phase::kListening);
  if (listener == nullptr) {
    net::close(fd);
    return -ENOMEM;
  }
  if (const int result = backend_->arm_accept(*listener); result < 0) {
    release(*listener, Ending::kClose);
    return result;
  }
  settle_if_needed();
  return listener->handle;
}

int Engine::connect(const Address& address, const Address* bind_to) {
  const Descriptor fd = net::open_connection(net::SocketKind::stream(address.family()), bind_to);
  if (fd < 0) return static_cast<int>(fd);
  Connection* connection = add_connection(fd, Phase::kConnecting);
  if (connection == nullptr) {
    net::close(fd);
    return -ENOMEM;
  }
  const Handle handle = connection->handle;
  const int result = backend_->connect(*connection, address);
  if (result != -EINPROGRESS) on_connected(handle, -result);
  settle_if_needed();
  return handle;
}

int Engine::adopt(Descriptor fd, bool shared) {
  bool listens = false;
  if (const int result = net::adopt(fd, listens); result < 0) return result;
  Endpoint* endpoint = nullptr;
  int result = -ENOMEM;
  if (listens) {
    endpoint = add<Listener>(fd, Phase::kListening);
  } else if (Connection* connection = add_connection(fd, Phase::kOpen)) {
    connection->reading = true;
    endpoint = connection;
  }
  if (endpoint == nullptr) return result;
  endpoint->shared = shared;
  result = listens ? backend_->arm_accept(*endpoint) : backend_->arm_receive(*endpoint);
  if (result < 0) {
    release(*endpoint, Ending::kLeaveOpen);
    return result;
  }
  settle_if_needed();
  return endpoint->handle;
}

void Engine::settle_if_needed() {
  if (!in_turn_ && needs_settle()) program_.settle_soon();
}

int Engine::poll(Descriptor fd, std::uint32_t interest) {
  auto* watch = add<Watch>(fd, Phase::kWatching);
  if (watch == nullptr) return -ENOMEM;
  if (const int result = backend_->arm_poll(*watch, interest); result < 0) {
    release(*watch, Ending::kLeaveOpen);
    return result;
  }
  settle_if_needed();
  return watch->handle;
}

int Engine::set_interest(Handle handle, std::uint32_t interest) {
  auto* watch = live<Watch>(handle);
  if (watch == nullptr) return -EBADF;
  const int result = backend_->arm_poll(*watch, interest);
  settle_if_needed();
  return result;
}

void Engine::resume_accept(Handle handle) {
  auto* listener = live<Listener>(handle);
  if (listener == nullptr || !listener->paused) return;
  listener->paused = false;
  std::erase(paused_listeners_, handle);
  if (const int result = backend_->arm_accept(*listener); result < 0) on_accept_end(handle, -result, false);
  settle_if_needed();
}

std::int64_t Engine::write(Handle handle, std::span<const std::uint8_t> bytes) {
  auto* connection = live<Connection>(handle);
  if (connection == nullptr || connection->shut) return -1;
  if (connection->stage != nullptr && connection->stage->closing) return -1;
  if (connection->phase != Phase::kOpen && connection->phase != Phase::kFlushing) return -1;
  if (bytes.empty()) return static_cast<std::int64_t>(unsent(*connection));
  std::size_t taken = 0;
  if (bytes.size() >= kDirectBytes && connection->stage == nullptr && !connection->sending &&
      backend_->sends_inline()) {
    taken = send_directly(*connection, bytes);
    if (connection->phase == Phase::kClosed) return -1;
  }
  if (!connection->outbox.append(pool_, bytes.subspan(taken))) {
    fail(*connection, ENOMEM);
    return -1;
  }
  // What an empty outbox leads to (drain, FIN, close) is left to the end of the turn: the program may write more.
  if (connection->outbox.pending() >= kHeldBytes && bytes.size() < kDirectBytes) send_pending(*connection);
  if (connection->fd < 0 || connection->phase == Phase::kLingering) return -1;
  if (!connection->dirty) mark_dirty(*connection);
  return static_cast<std::int64_t>(unsent(*connection));
}

void Engine::close(Handle handle) {
  auto* connection = live<Connection>(handle);
  if (connection == nullptr || connection->phase == Phase::kConnecting) {
    abort(handle);
    return;
  }
  if (connection->phase == Phase::kFlushing) return;
  connection->phase = Phase::kFlushing;
  connection->reading = false;
  if (!connection->dirty) mark_dirty(*connection);
}

void Engine::abort(Handle handle) {
  Endpoint* endpoint = table_.find(handle);
  if (endpoint == nullptr || !is_live(*endpoint)) return;
  Ending ending = Ending::kClose;
  if (endpoint->phase == Phase::kOpen || endpoint->phase == Phase::kFlushing) ending = Ending::kReset;
  if (endpoint->phase == Phase::kWatching) ending = Ending::kLeaveOpen;
  end(*endpoint, 0, CloseReason::kAborted, ending);
}

void Engine::shutdown_write(Handle handle) {
  auto* connection = live<Connection>(handle);
  if (connection == nullptr || connection->phase != Phase::kOpen || connection->shut_asked) return;
  connection->shut_asked = true;
  if (!connection->dirty) mark_dirty(*connection);
}

void Engine::pause_reading(Handle handle) {
  auto* connection = live<Connection>(handle);
  if (connection != nullptr && connection->phase == Phase::kOpen) connection->reading = false;
}

void Engine::resume_reading(Handle handle) {
  auto* connection = live<Connection>(handle);
  if (connection == nullptr || connection->phase != Phase::kOpen || connection->reading) return;
  connection->reading = true;
  if (connection->eof || (connection->stage != nullptr && resume_wire(*connection))) return;
  arm_receive(*connection);
  settle_if_needed();
}

// Of a connection that neither reads nor sends, no backend has to tell that it was reset. A send of nothing fails then;
// after our FIN it fails with EPIPE in any case.
void Engine::probe(Handle handle) {
  auto* connection = live<Connection>(handle);
  if (connection == nullptr || connection->phase != Phase::kOpen || connection->reading || connection->sending) return;
  const Slice nothing{};
  const std::ptrdiff_t result = net::send(connection->fd, {&nothing, 1});
  if (result >= 0 || (connection->shut && result == -EPIPE)) return;
  const int error = static_cast<int>(-result);
  if (net::meaning_of(net::Call::kSend, error) == net::Meaning::kLost) fail(*connection, error);
}

void Engine::notify_drain(Handle handle, bool on) {
  if (auto* connection = live<Connection>(handle)) connection->notify_drain = on;
}

Descriptor Engine::descriptor(Handle handle) {
  const Endpoint* endpoint = table_.find(handle);
  return endpoint != nullptr && is_live(*endpoint) ? endpoint->fd : kNoDescriptor;
}

std::size_t Engine::sweep_lingering() {
  table_.each<Connection>([this](Connection& connection) {
    if (connection.phase == Phase::kLingering && ++connection.sweeps >= kSweepsToLinger) {
      release(connection, Ending::kClose);
    }
  });
  settle_if_needed();
  return stats_.lingering;
}

// --- for the driver --------------------------------------------------------------------------------------------------

void Engine::turn(int timeout_ms) {
  if (stopped_) return;
  deliver(backend_->wait(timeout_ms));
}

void Engine::deliver(int waited) {
  if (stopped_) return;
  begin_turn();
  if (waited < 0 || waiting_.active()) [[unlikely]]
    note(waiting_, waited);
  if (!retries_.empty()) [[unlikely]]
    retry_due();
  ++stats_.turns;
  handshakes_ = 0;
  int left = kDeliveriesPerTurn;
  do {
    backend_->deliver();
    run_program();
  } while (--left > 0 && !stopped_ && backend_->has_more());
  if (!postponed_.empty()) resume_postponed();
  end_turn();
}

void Engine::settle() {
  begin_turn();
  if (!retries_.empty()) [[unlikely]]
    retry_due();
  run_program();
  end_turn();
}

// A turn inside another would free slots that the outer one still works on, and write over bytes that are being read.
void Engine::begin_turn() {
  SK_CHECK_OF(!in_turn_ && "no turn inside another", kNoHandle, backend_->name());
  in_turn_ = true;
}

void Engine::run_program() {
  for (int round = 0; round < kRoundsPerSettle && !stopped_; ++round) {
    if (!stashed_.empty()) unstash();
    flush();
    if (completions_.empty()) break;
    dispatch();
  }
  if (!stopped_) flush();
}

void Engine::end_turn() {
  if (!stopped_) trim_lingering();
  in_turn_ = false;
  if (completions_.empty()) {
    for (const Handle handle : closed_) table_.remove(handle);
    closed_.clear();
  }
  if (stopped_) return;
  submit();
  if (needs_settle()) program_.settle_soon();
}

// The arena is free again afterwards: bytes that a protocol borrowed and wrote were copied or sent inside write().
bool Engine::dispatch() {
  const std::size_t records = completions_.begin_reading();
  ++stats_.crossings;
  // The name is still that record's: its slot is given out anew only after the batch.
  for (const Record& record : completions_.records()) {
    SK_CHECK_OF(record.handle == kNoHandle || table_.find(record.handle) != nullptr, record.handle, backend_->name());
  }
  if (!program_.dispatch(records)) stopped_ = true;
  completions_.end_reading();
  arena_.reset();
  return !stopped_;
}

void Engine::flush() {
  flushing_.swap(dirty_);
  for (const Handle handle : flushing_) {
    auto* connection = live<Connection>(handle);
    if (connection == nullptr) continue;
    connection->dirty = false;
    send_all(*connection);
  }
  flushing_.clear();
  if (in_turn_) return;
  submit();
  if (!completions_.empty()) program_.settle_soon();
}

void Engine::mark_dirty(Connection& connection) {
  connection.dirty = true;
  dirty_.push_back(connection.handle);
  if (!in_turn_ && dirty_.size() == 1) program_.settle_soon();
}

}  // namespace skein
