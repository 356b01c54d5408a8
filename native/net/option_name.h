// What the system calls an option: the same names on POSIX and Windows.
#pragma once

#include "net/socket.h"
#include "net/system.h"
#if !defined(_WIN32)
#include <netinet/tcp.h>
#endif

namespace skein::net {

struct OptionName {
  int level;
  int name;
};

inline OptionName option_name(Option option) {
  switch (option) {
    case Option::kNoDelay:
      return {IPPROTO_TCP, TCP_NODELAY};
    case Option::kKeepAlive:
      return {SOL_SOCKET, SO_KEEPALIVE};
  }
  // A number from above the seam that is no option: the kernel refuses it.
  return {-1, -1};
}

}  // namespace skein::net
