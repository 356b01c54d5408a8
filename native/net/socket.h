// The system calls on sockets, one thin function each, and the only place with socket options. Each returns what the
// call returned, or a negative errno; EINTR is retried here and never seen above. posix.cc implements it for POSIX,
// winsock.cc for Windows, where each error becomes the errno of the same meaning.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/slice.h"
#include "net/address.h"
#include "net/descriptor.h"
#include "net/socket_kind.h"

namespace skein::net {

// A socket that listens: not blocking, close-on-exec, SO_REUSEADDR, and for TCP with TCP_NODELAY (which accepted
// sockets inherit).
Descriptor open_listener(const SocketKind& kind, const Address& address, int backlog, bool reuse_port);
// A socket that can connect: not blocking, close-on-exec, for TCP with TCP_NODELAY, and bound when `bind_to` is not
// null.
Descriptor open_connection(const SocketKind& kind, const Address* bind_to);
// Makes a stream socket of the caller's fit for an engine: not blocking, close-on-exec. `listens` tells what it is.
// -ENOTSOCK, -ENOTCONN (neither listening nor connected) or another negative errno: nothing has changed.
int adopt(Descriptor fd, bool& listens);
// 0 when the connection stands already, -EINPROGRESS when it is under way.
int connect(Descriptor fd, const Address& address);
// The descriptor of the next connection; `peer` is filled.
Descriptor accept(Descriptor listener, Address& peer);
std::ptrdiff_t receive(Descriptor fd, std::span<std::uint8_t> into);
// Whether the end that receive() told of is a reset. Our own side has not ended.
bool was_reset(Descriptor fd);
std::ptrdiff_t send(Descriptor fd, std::span<const Slice> slices);
// Sends FIN. -ECONNRESET, or what else has ended the connection, when the peer's reset came before.
int shutdown_write(Descriptor fd);
// The error that a connect ended with: 0, or a positive errno.
int connect_error(Descriptor fd);
// Why shutdown() failed with `error` (both positive): the kernel says only that the socket is not connected any more.
// 0 when only a Unix socket's peer has closed: nothing was lost.
int shutdown_error(Descriptor fd, int error);
void close(Descriptor fd);
// Closes with a reset: what is unsent is dropped (SO_LINGER with time zero, socket(7)).
void close_with_reset(Descriptor fd);
int local_address(Descriptor fd, Address& out);
int peer_address(Descriptor fd, Address& out);
#if defined(__linux__)
// The peer of a socket that was accepted, as accept(2) tells it: also when the peer has reset the connection, after
// which peer_address() knows none.
int accepted_from(Descriptor fd, Address& out);
#endif

// Mirrored by `SocketOption` in src/native.ts.
enum class Option : int { kNoDelay = 1, kKeepAlive = 2 };
// 0 or 1, or a negative errno.
int get_option(Descriptor fd, Option option);
int set_option(Descriptor fd, Option option, bool on);

}  // namespace skein::net
