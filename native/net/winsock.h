// What the Windows parts share beside net/socket.h. Errors are negative errnos there too: each of winsock's has one of
// the same meaning in the C runtime.
#pragma once

#include <cstddef>
#include <span>

#include "engine/slice.h"
#include "net/descriptor.h"
#include "net/socket_kind.h"
#include "net/system.h"

namespace skein::net {

// Once a process, before anything else. 0 or a negative errno.
int start_winsock();
// The errno (positive) for one of winsock's errors.
int errno_of(int winsock_error);
// A negative errno: what the call that just failed on this thread failed with.
int last_error();
// Not blocking, overlapped, not inherited, for TCP with TCP_NODELAY, and for IPv6 taking IPv4 as well.
Descriptor open_socket(const SocketKind& kind);
int bind_to_any(Descriptor fd, int family);
// As WSASend() takes them: how many of `buffers` were filled.
inline constexpr std::size_t kMostSlices = 64;
std::size_t to_buffers(std::span<const Slice> slices, std::span<WSABUF> buffers);

}  // namespace skein::net
