// What the engine does for connections with a filter (filter.h): where their bytes go in both directions, and their
// ends.
//
//  a. The program runs in the middle of what one receive brought, whenever the arena is full: everything is looked up
//     again afterwards, and what it does not want any more goes to the stash.
//  b. Records are never made while the program runs: what resuming or writing asks for waits for the end of the call.
//  c. What the filter says last (a closing record, an alert) is sent before our FIN, also when the program was told
//     CLOSED already: the connection lingers meanwhile, so that unread bytes do not turn the end into a reset.
#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "engine/engine.h"
#include "net/socket.h"

namespace skein {

bool Engine::set_filter(Handle handle, std::unique_ptr<Filter> filter) {
  auto* connection = live<Connection>(handle);
  if (connection == nullptr || connection->stage != nullptr || connection->phase == Phase::kFlushing ||
      connection->shut_asked) {
    return false;
  }
  if (!begin_filter(*connection, std::move(filter))) return false;
  // Bytes of which the program is still to be told came before it.
  completions_.push(Kind::kFilter, handle);
  if (connection->phase == Phase::kOpen && !connection->dirty) mark_dirty(*connection);
  settle_if_needed();
  return true;
}

bool Engine::begin_filter(Connection& connection, std::unique_ptr<Filter> filter) {
  if (filter == nullptr) return false;
  connection.stage = std::make_unique<FilterStage>();
  connection.stage->filter = std::move(filter);
  if (wire_ == nullptr) wire_ = std::make_unique<WireBuffers>();
  // What was written before does not pass through the filter.
  connection.stage->sealed = std::exchange(connection.outbox, Outbox{});
  return true;
}

bool Engine::set_filter_maker(Handle handle, FilterMaker* maker) {
  auto* listener = live<Listener>(handle);
  if (listener == nullptr) return false;
  listener->filters = maker;
  return true;
}

void Engine::unread(Handle handle, std::span<const std::uint8_t> wire) {
  auto* connection = live<Connection>(handle);
  if (connection == nullptr || connection->stage == nullptr || wire.empty()) return;
  auto& stash = connection->stage->stash;
  stash.insert(stash.end(), wire.begin(), wire.end());
  list_stashed(*connection);
}

Filter* Engine::filter(Handle handle) {
  const auto* connection = table_.find<Connection>(handle);
  return connection == nullptr || connection->stage == nullptr ? nullptr : connection->stage->filter.get();
}

void Engine::resume_filter(Handle handle) {
  auto* connection = live<Connection>(handle);
  if (connection != nullptr && connection->stage != nullptr) list_stashed(*connection);
}

// --- receiving -------------------------------------------------------------------------------------------------------

std::span<std::uint8_t> Engine::wire_window(Connection& connection) {
  FilterStage& stage = *connection.stage;
  if (stage.wire_ended || connection.eof) return {};
  // Meanwhile the peer may go, which is heard; it has nothing to say that takes more room than this.
  if (stage.filter->waits()) return stage.stash.size() < wire_->in.size() ? wire_->in : std::span<std::uint8_t>();
  // Stashed bytes wait to be read first: new ones must not overtake them.
  if (!stage.stash.empty() || stage.listed) return {};
  stage.throttled = !stage.sealed.empty() && stage.filter->unsent() > Filter::kOwnMost;
  if (stage.throttled) return {};
  if (!wants_wire(connection)) return {};
  if (handshakes_ >= kHandshakesPerTurn && !stage.filter->established()) {
    if (!stage.postponed) postponed_.push_back(connection.handle);
    stage.postponed = true;
    return {};
  }
  return wire_->in;
}

void Engine::on_wire_received(Connection& connection, std::ptrdiff_t result) {
  const Handle handle = connection.handle;
  FilterStage& stage = *connection.stage;
  if (result > 0) {
    const auto bytes = static_cast<std::size_t>(result);
    if (!retries_.empty()) [[unlikely]]
      retries_.succeeded({handle, Retry::What::kReceive});
    SK_CHECK_OF(bytes <= wire_->in.size(), handle, backend_->name());
    open_wire(handle, std::span(wire_->in).first(bytes));
  } else if (result == 0 && (connection.shut || !net::was_reset(connection.fd))) {
    stage.wire_ended = true;
    end_wire(connection);
  } else if (result == 0) {
    fail(connection, ECONNRESET);
  } else {
    receive_failed(connection, static_cast<int>(-result));
  }
}

// Gives the filter wire bytes, and the program what comes of them.
void Engine::open_wire(Handle handle, std::span<const std::uint8_t> wire) {
  for (;;) {
    auto* connection = live<Connection>(handle);
    if (connection == nullptr || connection->eof) return;
    FilterStage& stage = *connection->stage;
    if (stage.filter->waits() || (connection->phase == Phase::kOpen && !wants_wire(*connection))) {
      stage.stash.insert(stage.stash.end(), wire.begin(), wire.end());
      return;
    }
    // For what the filter tells, and for data.
    if (completions_.room() < 2 || arena_.rest().size() < kReadBytesMin) {
      if (!dispatch_early()) return;
      continue;
    }
    const std::span<std::uint8_t> plain = arena_.rest().first(std::min(arena_.rest().size(), kReadBytesMax));
    const bool was_established = stage.filter->established();
    const Filter::Received got = stage.filter->receive(wire, plain);
    // A step that says nothing was a piece of a message: it cost nothing.
    if (!was_established && (stage.filter->established() || stage.filter->unsent() > 0)) ++handshakes_;
    SK_CHECK_OF(got.taken <= wire.size() && got.produced <= plain.size(), handle, backend_->name());
    wire = wire.subspan(got.taken);
    tell_events(*connection);
    // Plain bytes that come after close() are dropped.
    if (got.produced > 0 && connection->phase == Phase::kOpen) {
      completions_.push(Kind::kData, handle, static_cast<std::int32_t>(arena_.used()),
                        static_cast<std::int32_t>(got.produced));
      arena_.take(got.produced);
    }
    // The filter may have something to send in reply.
    if (!connection->dirty) mark_dirty(*connection);
    if (got.error != 0) {
      fail_filter(*connection, got.error);
      return;
    }
    if (got.ended) {
      connection->eof = true;
      if (connection->phase == Phase::kOpen) completions_.push(Kind::kReadEof, handle);
      return;
    }
    if (stage.filter->waits()) continue;
    if (wire.empty() && stage.filter->pending() == 0) return;
    SK_CHECK_OF(got.taken > 0 || got.produced > 0, handle, backend_->name());
  }
}

// The peer's FIN has come, and everything before it was opened.
void Engine::end_wire(Connection& connection) {
  const FilterStage& stage = *connection.stage;
  const bool unread = !stage.stash.empty() || stage.filter->pending() > 0;
  if (connection.eof || (unread && !stage.filter->waits())) return;
  // Whoever has closed wants to know of the end only when it comes before what was written could be sealed.
  const bool matters = connection.phase == Phase::kOpen || !stage.filter->established();
  if (const int error = matters ? stage.filter->truncated() : 0; error != 0) {
    fail(connection, error);
    return;
  }
  connection.eof = true;
  if (connection.phase == Phase::kOpen) completions_.push(Kind::kReadEof, connection.handle);
}

// The program reads again: true when something has come for it already, which is opened in the next round, before
// anything else is received.
bool Engine::resume_wire(Connection& connection) {
  FilterStage& stage = *connection.stage;
  if (stage.stash.empty() && stage.filter->pending() == 0 && !stage.wire_ended) return false;
  list_stashed(connection);
  return true;
}

void Engine::list_stashed(Connection& connection) {
  if (connection.stage->listed) return;
  connection.stage->listed = true;
  stashed_.push_back(connection.handle);
  if (!in_turn_) program_.settle_soon();
}

void Engine::tell_events(Connection& connection) {
  const std::uint32_t events = connection.stage->filter->take_events();
  if (events != 0 && is_live(connection)) {
    completions_.push(Kind::kFilter, connection.handle, static_cast<std::int32_t>(events));
  }
}

// They are readable still: the next turn comes at once.
void Engine::resume_postponed() {
  for (const Handle handle : std::exchange(postponed_, {})) {
    auto* connection = live<Connection>(handle);
    if (connection == nullptr || connection->stage == nullptr) continue;
    connection->stage->postponed = false;
    arm_receive(*connection);
  }
}

void Engine::unstash() {
  for (const Handle handle : std::exchange(stashed_, {})) {
    auto* connection = live<Connection>(handle);
    if (connection == nullptr) continue;
    connection->stage->listed = false;
    if (!wants_wire(*connection)) continue;
    const std::vector<std::uint8_t> wire = std::exchange(connection->stage->stash, {});
    open_wire(handle, wire);
    connection = live<Connection>(handle);
    if (connection == nullptr || !wants_wire(*connection) || connection->eof) continue;
    if (connection->stage->wire_ended) {
      end_wire(*connection);
    } else {
      arm_receive(*connection);
    }
  }
}

// --- sending ---------------------------------------------------------------------------------------------------------

// Sends what is sealed, then seals the next and sends that. Only what the kernel refuses is copied.
void Engine::send_sealed(Connection& connection) {
  FilterStage& stage = *connection.stage;
  std::size_t budget = kFlushBytes;
  while (!connection.sending) {
    if (!stage.sealed.empty()) {
      send_outbox(connection, stage.sealed, budget);
      if (connection.phase == Phase::kClosed || !stage.sealed.empty()) return;
    }
    std::array<Slice, kSlicesPerSend> slices;
    const std::size_t used = connection.outbox.gather(slices);
    const Filter::Sent made = stage.filter->send(std::span(slices).first(used), wire_->out);
    SK_CHECK_OF(made.produced <= wire_->out.size(), connection.handle, backend_->name());
    connection.outbox.consume(pool_, made.taken);
    tell_events(connection);
    if (made.error != 0 && is_live(connection)) {
      // What was sealed before goes first.
      if (stage.sealed.append(pool_, std::span(wire_->out).first(made.produced))) {
        fail_filter(connection, made.error);
      } else {
        fail(connection, ENOMEM);
      }
      return;
    }
    if (made.produced == 0) break;
    std::ptrdiff_t sent = 0;
    if (backend_->sends_inline()) {
      const Slice slice{wire_->out.data(), made.produced};
      sent = backend_->submit_send(connection, std::span(&slice, 1));
    }
    const std::size_t taken = sent > 0 ? static_cast<std::size_t>(sent) : 0;
    budget -= std::min(budget, taken);
    // Also after a failure: in a shortage it is sent again.
    if (!stage.sealed.append(pool_, std::span(wire_->out).first(made.produced).subspan(taken))) {
      fail(connection, ENOMEM);
      return;
    }
    if (sent < 0) send_failed(connection, static_cast<int>(-sent));
    if (sent < 0 || (taken > 0 && taken < made.produced)) return;
    // There is nothing more to be asked for.
    if (stage.sealed.empty() && connection.outbox.empty() && !stage.closing && stage.filter->unsent() == 0) break;
    if (budget == 0) {
      // Other connections want to send, too: the rest goes in the next round.
      if (!connection.dirty) mark_dirty(connection);
      return;
    }
  }
  if (stage.throttled && stage.sealed.empty()) {
    stage.throttled = false;
    arm_receive(connection);
  }
}

// Everything was sent, and this side ends: the filter's closing record comes before our FIN. False while it is unsent.
bool Engine::close_filter(Connection& connection) {
  FilterStage& stage = *connection.stage;
  // Whoever half-closes goes on to receive: that takes a filter that is there.
  if (connection.phase == Phase::kOpen && !stage.filter->established()) return false;
  if (!stage.closing) {
    stage.closing = true;
    stage.filter->close();
    send_sealed(connection);
  }
  return is_live(connection) && stage.sealed.empty();
}

// The program is told at once; the peer hears of it by what the filter says last.
void Engine::fail_filter(Connection& connection, int error) {
  report_closed(connection.handle, error, CloseReason::kError);
  connection.stage->failure = error;
  connection.stage->stash = {};
  connection.outbox.clear(pool_);
  linger(connection);
  connection.reading = !connection.stage->wire_ended;
  if (connection.reading && backend_->arm_receive(connection) < 0) {
    release(connection, Ending::kClose);
    return;
  }
  send_sealed(connection);
  if (connection.phase == Phase::kLingering && connection.stage->sealed.empty()) end_lingering_side(connection);
}

// A lingering connection has sent what its filter said last.
void Engine::end_lingering_side(Connection& connection) {
  if (connection.shut) return;
  connection.shut = true;
  if (connection.stage->wire_ended || net::shutdown_write(connection.fd) < 0) release(connection, Ending::kClose);
}

}  // namespace skein
