// Retrying after a shortage (Meaning::kPause in net/errno_table.h): pauses double from 1 ms to 512 ms, and the
// operation fails after 30 s without a success. The long pauses keep the cost of waiting negligible; 30 s is short
// compared with TCP's own timeouts (RFC 1122 asks for 100 s at least), because a program that is told can shed load.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace skein {

// Milliseconds that never go back.
using Clock = std::int64_t (*)();

inline std::int64_t steady_ms() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
}

class Backoff {
 public:
  static constexpr std::int64_t kFirstPauseMs = 1;
  static constexpr std::int64_t kLongestPauseMs = 512;
  static constexpr std::int64_t kPatienceMs = 30'000;

  // An attempt failed at `now`. False: it has failed for too long, give up.
  bool failed(std::int64_t now) {
    if (!active()) since_ = now;
    pause_ = active() ? std::min(2 * pause_, kLongestPauseMs) : kFirstPauseMs;
    due_ = now + pause_;
    return now - since_ < kPatienceMs;
  }
  void succeeded() { pause_ = 0; }
  // Right after failed(): whether the failures have lasted long enough (some 60 ms) to be told. True once in an
  // episode.
  bool is_worth_telling() const { return pause_ == kToldPauseMs; }

  // Whether the latest attempt failed.
  bool active() const { return pause_ > 0; }
  // When to try again, if active.
  std::int64_t due() const { return due_; }

 private:
  static constexpr std::int64_t kToldPauseMs = 64;

  std::int64_t since_ = 0;  // of the first failure
  std::int64_t due_ = 0;
  std::int64_t pause_ = 0;
};

}  // namespace skein
