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
  return option == Option::kNoDelay ? OptionName{IPPROTO_TCP, TCP_NODELAY} : OptionName{SOL_SOCKET, SO_KEEPALIVE};
}

}  // namespace skein::net
