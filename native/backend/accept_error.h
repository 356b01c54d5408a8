// Which errors of accept(2) are not the listener's.
#pragma once

#include <cerrno>

namespace skein {

// The connection died in the backlog, or accept(2) reports the network's errors of a pending one: accepting goes on.
// `error` is positive.
inline bool is_transient_accept_error(int error) {
  switch (error) {
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EOPNOTSUPP:
    case ETIMEDOUT:
#if defined(__linux__)
    case EHOSTDOWN:
    case ENONET:
#endif
      return true;
    default:
      return false;
  }
}

}  // namespace skein
