// net/socket.h for Windows.
//
//  a. A listener is bound with SO_EXCLUSIVEADDRUSE: what SO_REUSEADDR is on POSIX (no wait after a restart) is how
//     Windows behaves anyway, and its own SO_REUSEADDR lets anybody take the port over.
//  b. An IPv6 socket takes IPv4 too, as on Linux: IPV6_V6ONLY is on by default here.
#include "net/winsock.h"

#include <mstcpip.h>

#include <array>
#include <cerrno>

#include "net/errno_table.h"
#include "net/option_name.h"
#include "net/socket.h"

namespace skein::net {

namespace {

SOCKET handle_of(Descriptor fd) {
  return static_cast<SOCKET>(fd);
}

int set_flag(Descriptor fd, int level, int name, int value) {
  const DWORD flag = static_cast<DWORD>(value);
  return ::setsockopt(handle_of(fd), level, name, reinterpret_cast<const char*>(&flag), sizeof flag) == 0
             ? 0
             : last_error();
}

std::ptrdiff_t result_of(int result) {
  return result != SOCKET_ERROR ? result : last_error();
}

int bind_and_listen(Descriptor fd, const Address& address, int backlog) {
  if (const int result = set_flag(fd, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1); result < 0) return result;
  if (::bind(handle_of(fd), address.get(), address.length) != 0) return last_error();
  return ::listen(handle_of(fd), backlog) == 0 ? 0 : last_error();
}

}  // namespace

int start_winsock() {
  static const int result = [] {
    WSADATA data;
    return -errno_of(::WSAStartup(MAKEWORD(2, 2), &data));
  }();
  return result;
}

int errno_of(int winsock_error) {
  switch (winsock_error) {
    case 0:
      return 0;
    case WSAEACCES:
      return EACCES;
    case WSAEADDRINUSE:
      return EADDRINUSE;
    case WSAEADDRNOTAVAIL:
      return EADDRNOTAVAIL;
    case WSAEAFNOSUPPORT:
      return EAFNOSUPPORT;
    case WSAEALREADY:
      return EALREADY;
    case WSAEBADF:
    case ERROR_INVALID_HANDLE:
      return EBADF;
    case WSAECONNABORTED:
    case ERROR_CONNECTION_ABORTED:
      return ECONNABORTED;
    case WSAECONNREFUSED:
    case ERROR_CONNECTION_REFUSED:
      return ECONNREFUSED;
    case WSAECONNRESET:
    case ERROR_NETNAME_DELETED:
      return ECONNRESET;
    case WSAEDESTADDRREQ:
      return EDESTADDRREQ;
    case WSAEFAULT:
      return EFAULT;
    case WSAEHOSTUNREACH:
    case WSAEHOSTDOWN:
    case ERROR_HOST_UNREACHABLE:
      return EHOSTUNREACH;
    case WSAEINPROGRESS:
      return EINPROGRESS;
    case WSAEINTR:
      return EINTR;
    case WSAEINVAL:
      return EINVAL;
    case WSAEISCONN:
      return EISCONN;
    case WSAEMFILE:
    case ERROR_TOO_MANY_OPEN_FILES:
      return EMFILE;
    case WSAEMSGSIZE:
      return EMSGSIZE;
    case WSAENETDOWN:
      return ENETDOWN;
    case WSAENETRESET:
      return ENETRESET;
    case WSAENETUNREACH:
    case ERROR_NETWORK_UNREACHABLE:
      return ENETUNREACH;
    case WSAENOBUFS:
    case ERROR_NO_SYSTEM_RESOURCES:
      return ENOBUFS;
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_OUTOFMEMORY:
      return ENOMEM;
    case WSAENOTCONN:
      return ENOTCONN;
    case WSAENOTSOCK:
      return ENOTSOCK;
    case WSAEOPNOTSUPP:
      return ENOTSUP;
    case WSAESHUTDOWN:
    case ERROR_BROKEN_PIPE:
      return EPIPE;
    case WSAETIMEDOUT:
    case ERROR_SEM_TIMEOUT:
      return ETIMEDOUT;
    case WSAEWOULDBLOCK:
      return EAGAIN;
    case ERROR_OPERATION_ABORTED:
      return ECANCELED;
    default:
      return EIO;
  }
}

int last_error() {
  return -errno_of(::WSAGetLastError());
}

Descriptor open_socket(const SocketKind& kind) {
  if (const int result = start_winsock(); result < 0) return result;
  const SOCKET socket =
      ::WSASocketW(kind.family, kind.type, kind.protocol, nullptr, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  if (socket == INVALID_SOCKET) return last_error();
  const auto fd = static_cast<Descriptor>(socket);
  u_long on = 1;
  int result = ::ioctlsocket(socket, static_cast<long>(FIONBIO), &on) == 0 ? 0 : last_error();
  if (result == 0 && kind.is_tcp()) result = set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (result == 0 && kind.family == AF_INET6) result = set_flag(fd, IPPROTO_IPV6, IPV6_V6ONLY, 0);
  if (result == 0) return fd;
  close(fd);
  return result;
}

int bind_to_any(Descriptor fd, int family) {
  Address any;
  parse_address(family == AF_INET6 ? "::" : "", 0, any);
  return ::bind(handle_of(fd), any.get(), any.length) == 0 ? 0 : last_error();
}

Descriptor open_listener(const SocketKind& kind, const Address& address, int backlog, bool reuse_port) {
  if (reuse_port) return -ENOTSUP;
  const Descriptor fd = open_socket(kind);
  if (fd < 0) return fd;
  if (const int result = bind_and_listen(fd, address, backlog); result < 0) {
    close(fd);
    return result;
  }
  return fd;
}

// Bound in any case: ConnectEx() asks for it.
Descriptor open_connection(const SocketKind& kind, const Address* bind_to) {
  const Descriptor fd = open_socket(kind);
  if (fd < 0) return fd;
  int result = 0;
  if (bind_to == nullptr) {
    result = bind_to_any(fd, kind.family);
  } else if (::bind(handle_of(fd), bind_to->get(), bind_to->length) != 0) {
    result = last_error();
  }
  if (result == 0) return fd;
  close(fd);
  return result;
}

int adopt(Descriptor fd, bool& listens) {
  const auto option = [fd](int name, DWORD& value) {
    int length = sizeof value;
    return ::getsockopt(handle_of(fd), SOL_SOCKET, name, reinterpret_cast<char*>(&value), &length) == 0 ? 0
                                                                                                        : last_error();
  };
  DWORD accepts = 0;
  DWORD type = 0;
  if (const int result = option(SO_ACCEPTCONN, accepts); result < 0) return result;
  if (const int result = option(SO_TYPE, type); result < 0) return result;
  if (type != SOCK_STREAM) return -ENOTSUP;
  // One byte on some versions.
  listens = (accepts & 0xff) != 0;
  if (Address peer; !listens) {
    if (const int result = peer_address(fd, peer); result < 0) return result;
  }
  u_long on = 1;
  return ::ioctlsocket(handle_of(fd), static_cast<long>(FIONBIO), &on) == 0 ? 0 : last_error();
}

int connect(Descriptor fd, const Address& address) {
  if (::connect(handle_of(fd), address.get(), address.length) == 0) return 0;
  const int error = last_error();
  return error == -EAGAIN ? -EINPROGRESS : error;
}

Descriptor accept(Descriptor listener, Address& peer) {
  peer.length = sizeof peer.storage;
  const SOCKET socket = ::accept(handle_of(listener), peer.get(), &peer.length);
  if (socket == INVALID_SOCKET) return last_error();
  u_long on = 1;
  if (::ioctlsocket(socket, static_cast<long>(FIONBIO), &on) != 0) {
    const int error = last_error();
    ::closesocket(socket);
    return meaning_of(Call::kSetOption, -error) == Meaning::kPeerGone ? -ECONNABORTED : error;
  }
  return static_cast<Descriptor>(socket);
}

std::ptrdiff_t receive(Descriptor fd, std::span<std::uint8_t> into) {
  return result_of(::recv(handle_of(fd), reinterpret_cast<char*>(into.data()), static_cast<int>(into.size()), 0));
}

// Wine tells of an end where Windows tells of a reset, once a wait has seen the reset: there is no peer any more then.
bool was_reset(Descriptor fd) {
  Address peer;
  return peer_address(fd, peer) < 0;
}

std::ptrdiff_t send(Descriptor fd, std::span<const Slice> slices) {
  std::array<WSABUF, kMostSlices> buffers;
  const std::size_t count = to_buffers(slices, buffers);
  DWORD sent = 0;
  const int result = ::WSASend(handle_of(fd), buffers.data(), static_cast<DWORD>(count), &sent, 0, nullptr, nullptr);
  return result == 0 ? static_cast<std::ptrdiff_t>(sent) : last_error();
}

std::size_t to_buffers(std::span<const Slice> slices, std::span<WSABUF> buffers) {
  std::size_t count = 0;
  for (const Slice& slice : slices.first(slices.size() < buffers.size() ? slices.size() : buffers.size())) {
    buffers[count++] = {static_cast<ULONG>(slice.size), static_cast<CHAR*>(slice.data)};
  }
  return count;
}

int shutdown_write(Descriptor fd) {
  // Asked before: Wine's shutdown() succeeds on a socket that the peer has reset, and one that both have ended has no
  // peer any more.
  if (was_reset(fd)) return -ECONNRESET;
  return ::shutdown(handle_of(fd), SD_SEND) == 0 ? 0 : -shutdown_error(fd, -last_error());
}

int connect_error(Descriptor fd) {
  int error = 0;
  int length = sizeof error;
  const int result = ::getsockopt(handle_of(fd), SOL_SOCKET, SO_ERROR, reinterpret_cast<char*>(&error), &length);
  return result == 0 ? errno_of(error) : -last_error();
}

void close(Descriptor fd) {
  ::closesocket(handle_of(fd));
}

void close_with_reset(Descriptor fd) {
  const linger at_once{1, 0};
  ::setsockopt(handle_of(fd), SOL_SOCKET, SO_LINGER, reinterpret_cast<const char*>(&at_once), sizeof at_once);
  ::closesocket(handle_of(fd));
}

int local_address(Descriptor fd, Address& out) {
  out.length = sizeof out.storage;
  return ::getsockname(handle_of(fd), out.get(), &out.length) == 0 ? 0 : last_error();
}

int peer_address(Descriptor fd, Address& out) {
  out.length = sizeof out.storage;
  return ::getpeername(handle_of(fd), out.get(), &out.length) == 0 ? 0 : last_error();
}

int get_option(Descriptor fd, Option option) {
  const auto [level, name] = option_name(option);
  DWORD value = 0;
  int length = sizeof value;
  const int result = ::getsockopt(handle_of(fd), level, name, reinterpret_cast<char*>(&value), &length);
  // TCP_NODELAY is answered in one byte.
  return result == 0 ? ((length == 1 ? value & 0xff : value) != 0 ? 1 : 0) : last_error();
}

int set_option(Descriptor fd, Option option, bool on) {
  const auto [level, name] = option_name(option);
  return set_flag(fd, level, name, on ? 1 : 0);
}

}  // namespace skein::net
