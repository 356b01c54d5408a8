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
  // The end of the turn sees to what an empty outbox means: the program may have more to say.
  if (connection->outbox.pending() >= kHeldBytes && bytes.size() < kDirectBytes) send_pending(*connection);
  if (connection->fd < 0 || connection->phase == Phase::kLingering) return -1;
  if (!connection->dirty) mark_dirty(*connection);
  return static_cast<std::int64_t>(unsent(*connection));
}

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
  int left = kDeliveriesPerTurn;
  do {
    backend_->deliver();
    run_program();
  } while (--left > 0 && !stopped_ && backend_->has_more());
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

// --- sending ---------------------------------------------------------------------------------------------------------

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
      // Others want to send too: the rest goes in the next round.
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
  // A filter has its last words to send while the connection lingers.
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

// --- trying again ----------------------------------------------------------------------------------------------------

// In a shortage the connection counts as sending, so that nothing else is tried before its time.
void Engine::send_failed(Connection& connection, int error) {
  if (net::meaning_of(net::Call::kSend, error) != net::Meaning::kPause ||
      !retries_.add({connection.handle, Retry::What::kSend}, clock_())) {
    fail(connection, error);
    return;
  }
  connection.sending = true;
  if (!in_turn_) program_.settle_soon();
}

void Engine::receive_failed(Connection& connection, int error) {
  if (net::meaning_of(net::Call::kReceive, error) != net::Meaning::kPause ||
      !retries_.add({connection.handle, Retry::What::kReceive}, clock_())) {
    fail(connection, error);
    return;
  }
  if (!in_turn_) program_.settle_soon();
}

void Engine::arm_receive(Connection& connection) {
  if (const int result = backend_->arm_receive(connection); result < 0) receive_failed(connection, -result);
}

void Engine::retry_due() {
  for (const Retry& retry : retries_.take_due(clock_())) {
    auto* connection = table_.find<Connection>(retry.handle);
    if (connection == nullptr || (!is_live(*connection) && !says_last_words(*connection))) continue;
    if (retry.what == Retry::What::kReceive) {
      if (connection->reading && !connection->eof) arm_receive(*connection);
      continue;
    }
    connection->sending = false;
    send_all(*connection);
    if (!connection->sending) retries_.succeeded(retry);
  }
}

int Engine::due_in_ms() const {
  constexpr std::int64_t kNever = INT64_MAX;
  std::int64_t due = retries_.next_due(kNever);
  if (submitting_.active()) due = std::min(due, submitting_.due());
  if (due == kNever) return -1;
  return static_cast<int>(std::max<std::int64_t>(due - clock_(), 0));
}

int Engine::pause_ms() const {
  return waiting_.active() ? static_cast<int>(std::max<std::int64_t>(waiting_.due() - clock_(), 1)) : 0;
}

void Engine::submit() {
  const int result = backend_->submit();
  if (result < 0 || submitting_.active()) [[unlikely]]
    note(submitting_, result);
}

// What wait() or submit() came to. The program is told when failures last, and when they have lasted too long.
void Engine::note(Backoff& backoff, int result) {
  if (result >= 0) {
    backoff.succeeded();
    return;
  }
  const bool over = !backoff.failed(clock_());
  if (over || backoff.is_worth_telling()) completions_.push(Kind::kBackendFailed, kNoHandle, -result, over ? 2 : 1);
}

// --- after the last byte ---------------------------------------------------------------------------------------------

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

// --- closing ---------------------------------------------------------------------------------------------------------

void Engine::finish_close(Connection& connection) {
  // See kLingering in connection.h.
  const bool fin_seen = connection.stage == nullptr ? connection.eof : connection.stage->wire_ended;
  if (!fin_seen && (connection.shut || net::shutdown_write(connection.fd) == 0) &&
      backend_->arm_receive(connection) == 0) {
    report_closed(connection.handle, 0, CloseReason::kFlushed);
    connection.shut = true;
    linger(connection);
    return;
  }
  end(connection, 0, CloseReason::kFlushed, Ending::kClose);
}

void Engine::linger(Connection& connection) {
  connection.phase = Phase::kLingering;
  connection.reading = true;
  ++stats_.lingering;
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
