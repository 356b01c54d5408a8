// What socket(2) is asked for.
#pragma once

#include "net/system.h"

namespace skein::net {

struct SocketKind {
  int family;
  int type;
  int protocol;

  // A stream that can use addresses of this family: TCP, or a stream of UNIX sockets.
  static constexpr SocketKind stream(int family) {
    return {family, SOCK_STREAM, family == AF_UNIX ? 0 : static_cast<int>(IPPROTO_TCP)};
  }
  constexpr bool is_tcp() const { return protocol == static_cast<int>(IPPROTO_TCP); }
};

}  // namespace skein::net
