#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

#include "net/errno_table.h"
#include "net/option_name.h"
#include "net/socket.h"

namespace skein::net {

static_assert(sizeof(Slice) == sizeof(iovec) && offsetof(Slice, data) == offsetof(iovec, iov_base) &&
                  offsetof(Slice, size) == offsetof(iovec, iov_len),
              "a Slice goes to sendmsg(2) as an iovec");

namespace {

// Calls again as long as the call was only interrupted.
template <Call kCall, typename Attempt>
auto retry(Attempt attempt) -> std::ptrdiff_t {
  for (;;) {
    const std::ptrdiff_t result = attempt();
    if (result >= 0) return result;
    if (const int error = errno; meaning_of(kCall, error) != Meaning::kInterrupted) return -error;
  }
}

int set_flag(int fd, int level, int name, int value) {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0 ? 0 : -errno;
}

int prepare_descriptor(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || ::fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) return -errno;
#if defined(SO_NOSIGPIPE)
  if (const int result = set_flag(fd, SOL_SOCKET, SO_NOSIGPIPE, 1); result < 0) return result;
#endif
  return 0;
}

// Not blocking, close-on-exec.
int open_socket(const SocketKind& kind) {
#if defined(SOCK_NONBLOCK)
  const int fd = ::socket(kind.family, kind.type | SOCK_NONBLOCK | SOCK_CLOEXEC, kind.protocol);
  return fd >= 0 ? fd : -errno;
#else
  const int fd = ::socket(kind.family, kind.type, kind.protocol);
  if (fd < 0) return -errno;
  if (const int result = prepare_descriptor(fd); result < 0) {
    ::close(fd);
    return result;
  }
  return fd;
#endif
}

int set_no_delay(int fd, const SocketKind& kind) {
  return kind.is_tcp() ? set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1) : 0;
}

int bind_and_listen(int fd, const SocketKind& kind, const Address& address, int backlog, bool reuse_port) {
  if (const int result = set_flag(fd, SOL_SOCKET, SO_REUSEADDR, 1); result < 0) return result;
  if (reuse_port) {
    if (const int result = set_flag(fd, SOL_SOCKET, SO_REUSEPORT, 1); result < 0) return result;
  }
  if (const int result = set_no_delay(fd, kind); result < 0) return result;
  if (::bind(fd, address.get(), address.length) < 0) return -errno;
  if (::listen(fd, backlog) < 0) return -errno;
  return 0;
}

}  // namespace

int open_listener(const SocketKind& kind, const Address& address, int backlog, bool reuse_port) {
  const int fd = open_socket(kind);
  if (fd < 0) return fd;
  if (const int result = bind_and_listen(fd, kind, address, backlog, reuse_port); result < 0) {
    close(fd);
    return result;
  }
  return fd;
}

int open_connection(const SocketKind& kind, const Address* bind_to) {
  const int fd = open_socket(kind);
  if (fd < 0) return fd;
  int result = set_no_delay(fd, kind);
  if (result == 0 && bind_to != nullptr && ::bind(fd, bind_to->get(), bind_to->length) < 0) result = -errno;
  if (result == 0) return fd;
  close(fd);
  return result;
}

int adopt(int fd, bool& listens) {
  int accepts = 0;
  socklen_t length = sizeof accepts;
  if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &length) < 0) return -errno;
  listens = accepts != 0;
  int type = 0;
  length = sizeof type;
  if (::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) < 0) return -errno;
  if (type != SOCK_STREAM) return -ENOTSUP;
  if (Address peer; !listens) {
    if (const int result = peer_address(fd, peer); result < 0) return result;
  }
  return prepare_descriptor(fd);
}

int connect(int fd, const Address& address) {
  if (::connect(fd, address.get(), address.length) == 0) return 0;
  // An interrupted connect(2) goes on by itself.
  return meaning_of(Call::kConnect, errno) == Meaning::kGoesOn ? -EINPROGRESS : -errno;
}

namespace {

// XNU returns a socket and an address of length 0 for a connection that died in the backlog.
int checked(int accepted, const Address& peer) {
  if (accepted < 0 || peer.length > 0) return accepted;
  close(accepted);
  return -ECONNABORTED;
}

}  // namespace

int accept(int listener, Address& peer) {
  peer.length = sizeof peer.storage;
#if defined(SOCK_NONBLOCK)
  const auto fd = static_cast<int>(retry<Call::kAccept>(
      [&] { return ::accept4(listener, peer.get(), &peer.length, SOCK_NONBLOCK | SOCK_CLOEXEC); }));
  return checked(fd, peer);
#else
  const int fd = checked(
      static_cast<int>(retry<Call::kAccept>([&] { return ::accept(listener, peer.get(), &peer.length); })), peer);
  if (fd < 0) return fd;
  if (const int result = prepare_descriptor(fd); result < 0) {
    close(fd);
    // XNU refuses the option when the connection was reset meanwhile: that is not the listener's error.
    return meaning_of(Call::kSetOption, -result) == Meaning::kPeerGone ? -ECONNABORTED : result;
  }
  return fd;
#endif
}

std::ptrdiff_t receive(int fd, std::span<std::uint8_t> into) {
  return retry<Call::kReceive>([&] { return ::recv(fd, into.data(), into.size(), 0); });
}

// The kernel says ECONNRESET then.
bool was_reset(int) {
  return false;
}

#if !defined(MSG_NOSIGNAL)
#define MSG_NOSIGNAL 0  // SO_NOSIGPIPE does it there
#endif

std::ptrdiff_t send(int fd, std::span<const Slice> slices) {
  if (slices.size() == 1) {
    return retry<Call::kSend>([&] { return ::send(fd, slices[0].data, slices[0].size, MSG_NOSIGNAL); });
  }
  msghdr message{};
  message.msg_iov = const_cast<iovec*>(reinterpret_cast<const iovec*>(slices.data()));
  message.msg_iovlen = static_cast<decltype(message.msg_iovlen)>(slices.size());
  return retry<Call::kSend>([&] { return ::sendmsg(fd, &message, MSG_NOSIGNAL); });
}

int shutdown_write(int fd) {
  return ::shutdown(fd, SHUT_WR) == 0 ? 0 : -shutdown_error(fd, errno);
}

int connect_error(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  return ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

// Not retried: on Linux the descriptor is gone even when close(2) reports EINTR.
void close(int fd) {
  ::close(fd);
}

void close_with_reset(int fd) {
  const linger at_once{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(fd);
}

int local_address(int fd, Address& out) {
  out.length = sizeof out.storage;
  return ::getsockname(fd, out.get(), &out.length) == 0 ? 0 : -errno;
}

int peer_address(int fd, Address& out) {
  out.length = sizeof out.storage;
  return ::getpeername(fd, out.get(), &out.length) == 0 ? 0 : -errno;
}

#if defined(__linux__)
int accepted_from(int fd, Address& out) {
  if (peer_address(fd, out) >= 0) return 0;
  // SO_PEERNAME looks the address up as accept(2) does, whatever the connection's state. It refuses a longer place than
  // the address takes: that of our own end, which is of the same family.
  if (const int result = local_address(fd, out); result < 0) return result;
  return ::getsockopt(fd, SOL_SOCKET, SO_PEERNAME, out.get(), &out.length) == 0 ? 0 : -errno;
}
#endif

int get_option(int fd, Option option) {
  const auto [level, name] = option_name(option);
  int value = 0;
  socklen_t length = sizeof value;
  return ::getsockopt(fd, level, name, &value, &length) == 0 ? (value != 0 ? 1 : 0) : -errno;
}

int set_option(int fd, Option option, bool on) {
  const auto [level, name] = option_name(option);
  return set_flag(fd, level, name, on ? 1 : 0);
}

}  // namespace skein::net
