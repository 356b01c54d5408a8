#include "net/errno_table.h"

#include "net/socket.h"

namespace skein::net {

// SO_ERROR tells when it was not a reset, unless a call has told it before. (Linux holds EPIPE there for a reset that
// came after the peer's FIN.)
int shutdown_error(Descriptor fd, int error) {
  if (meaning_of(Call::kShutdown, error) != Meaning::kReset) return error;
  switch (const int pending = connect_error(fd)) {
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH:
    case ENETDOWN:
      return pending;
#if !defined(__linux__) && !defined(_WIN32)
    case 0:
      // The BSDs say ENOTCONN of a Unix socket, too, whose peer has closed. No reset leaves SO_ERROR empty there.
      return 0;
#endif
    default:
      return ECONNRESET;
  }
}

}  // namespace skein::net
