// Sends and receives that are tried again after a pause. Empty except in a shortage, so everything here may allocate.
//
//     add() ──▶ in due_, by time ──take_due()──▶ tried ──▶ add() again, the pause doubles
//                                                     └──▶ succeeded()
#pragma once

#include <cstdint>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/backoff.h"
#include "engine/handle.h"

namespace skein {

struct Retry {
  enum class What : std::uint8_t { kSend, kReceive };
  Handle handle;
  What what;
};

class Retries {
 public:
  bool empty() const { return backoffs_.empty(); }

  // An attempt failed at `now`. False: it has failed for too long. It is forgotten then.
  bool add(Retry retry, std::int64_t now) {
    Backoff& backoff = backoffs_[key_of(retry)];
    due_.erase({backoff.due(), key_of(retry)});
    const bool patient = backoff.failed(now);
    if (patient) {
      due_.emplace(backoff.due(), key_of(retry));
    } else {
      backoffs_.erase(key_of(retry));
    }
    return patient;
  }

  void succeeded(Retry retry) {
    const auto place = backoffs_.find(key_of(retry));
    if (place == backoffs_.end()) return;
    due_.erase({place->second.due(), place->first});
    backoffs_.erase(place);
  }

  void forget(Handle handle) {
    succeeded({handle, Retry::What::kSend});
    succeeded({handle, Retry::What::kReceive});
  }

  // Those to be tried now.
  std::vector<Retry> take_due(std::int64_t now) {
    std::vector<Retry> taken;
    while (!due_.empty() && due_.begin()->first <= now) {
      const std::uint64_t key = due_.begin()->second;
      taken.push_back({static_cast<Handle>(key >> 1), static_cast<Retry::What>(key & 1)});
      due_.erase(due_.begin());
    }
    return taken;
  }

  // When the next is due; `otherwise` when none is.
  std::int64_t next_due(std::int64_t otherwise) const { return due_.empty() ? otherwise : due_.begin()->first; }

 private:
  static std::uint64_t key_of(Retry retry) {
    return std::uint64_t{static_cast<std::uint32_t>(retry.handle)} << 1 | static_cast<std::uint64_t>(retry.what);
  }

  std::unordered_map<std::uint64_t, Backoff> backoffs_;
  std::set<std::pair<std::int64_t, std::uint64_t>> due_;  // those that pause
};

}  // namespace skein
