// Operations that failed because the kernel was short of something, and are tried again later (backoff.h): sends and
// receives of a connection, the backend's wait() and submit().
#include <algorithm>

#include "engine/engine.h"
#include "net/errno_table.h"

namespace skein {

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

// The result of wait() or submit(). The program is told when failures persist, and when they have lasted too long.
void Engine::note(Backoff& backoff, int result) {
  if (result >= 0) {
    backoff.succeeded();
    return;
  }
  const bool over = !backoff.failed(clock_());
  if (over || backoff.is_worth_telling()) completions_.push(Kind::kBackendFailed, kNoHandle, -result, over ? 2 : 1);
}

}  // namespace skein
