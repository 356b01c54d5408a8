// The record of a socket that accepts.
//
//     phase        paused  starving   accepting is
//     kListening   0       0          armed
//     kListening   0       1          armed again; the backlog of those who came while descriptors had run out is not
//                                     accepted yet: another failure belongs to the same episode
//     kListening   1       1          disarmed: accept failed; resume_accept(), or a connection that closes, arms it
//     kClosed      0       any        over
#pragma once

#include "engine/endpoint.h"

namespace skein {

class FilterMaker;

struct Listener : Endpoint {
  static constexpr HandleKind kKind = HandleKind::kListener;

  FilterMaker* filters = nullptr;  // accepted connections get a filter of it
  bool paused : 1 = false;
  bool starving : 1 = false;
};

}  // namespace skein
