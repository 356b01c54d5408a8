// The system calls on sockets, one thin function each, and the only place with socket options. Each returns what the
// call returned, or a negative errno; EINTR is retried here and never seen above. posix.cc implements it for POSIX.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "engine/slice.h"
#include "net/address.h"

namespace skein::net {

// A TCP socket that listens: not blocking, close-on-exec, SO_REUSEADDR, TCP_NODELAY (which accepted sockets inherit).
int open_listener(const Address& address, int backlog, bool reuse_port);
// A TCP socket on its way: not blocking, close-on-exec, TCP_NODELAY. `bind_to` may be null. -EINPROGRESS is success.
// On success `fd` is set; the result is 0 when the connection stands already.
int open_connection(const Address& address, const Address* bind_to, int& fd);
// The descriptor of the next connection; `peer` is filled.
int accept(int listener, Address& peer);
std::ptrdiff_t receive(int fd, std::span<std::uint8_t> into);
std::ptrdiff_t send(int fd, std::span<const Slice> slices);
// Sends FIN.
int shutdown_write(int fd);
// The error that a connect ended with: 0, or a positive errno.
int connect_error(int fd);
void close(int fd);
// Closes with a reset: what is unsent is dropped (SO_LINGER with time zero, socket(7)).
void close_with_reset(int fd);
int local_address(int fd, Address& out);
int peer_address(int fd, Address& out);

// Mirrored by `SocketOption` in src/native.ts.
enum class Option : int { kNoDelay = 1, kKeepAlive = 2 };
// 0 or 1, or a negative errno.
int get_option(int fd, Option option);
int set_option(int fd, Option option, bool on);

}  // namespace skein::net
