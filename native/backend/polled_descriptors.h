// The program's own descriptors that a backend polls, by their numbers.
//
// The kernel reuses the numbers of closed descriptors: when a new endpoint has the number of a polled descriptor, the
// program has closed the latter, and later requests for it must not act on the new one.
#pragma once

#include <unordered_map>

#include "backend/backend.h"

namespace skein {

class PolledDescriptors {
 public:
  void add(const Endpoint& polled) { handles_[polled.fd] = polled.handle; }
  void remove(const Endpoint& polled) { handles_.erase(polled.fd); }

  // The polled endpoint whose descriptor has closed and whose number `newcomer` got, nullptr when there is none. It is
  // not listed any more.
  Endpoint* closed_before(const Endpoint& newcomer, BackendEvents& events) {
    if (handles_.empty()) return nullptr;
    const auto place = handles_.find(newcomer.fd);
    if (place == handles_.end()) return nullptr;
    Endpoint* polled = events.find(place->second);
    handles_.erase(place);
    return polled != nullptr && polled->phase == Phase::kWatching && polled->fd == newcomer.fd ? polled : nullptr;
  }

 private:
  std::unordered_map<Descriptor, Handle> handles_;
};

}  // namespace skein
