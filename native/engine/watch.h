// The record of a descriptor that stays the program's, and is watched for readiness only. It is kWatching until the
// program aborts it or the backend fails, and then kClosed; the descriptor is never closed here.
#pragma once

#include "engine/endpoint.h"

namespace skein {

struct Watch : Endpoint {
  static constexpr HandleKind kKind = HandleKind::kWatch;
};

}  // namespace skein
