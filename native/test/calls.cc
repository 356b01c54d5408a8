#include "test/calls.h"

#include <poll.h>
#include <sys/epoll.h>
#if defined(SKEIN_LIBKQUEUE)
#include <sys/event.h>
#endif
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>

namespace skein::test {

namespace {

constexpr std::array<const char*, kCallCount> kNames{
    "accept4",
    "bind",
    "close",
    "connect",
    "epoll_create1",
    "epoll_ctl",
    "epoll_wait",
    "eventfd",
    "getpeername",
    "getsockname",
    "getsockopt",
    "io_uring_enter",
    "io_uring_register",
    "io_uring_setup",
    "kevent",
    "listen",
    "malloc",
    "poll",
    "recv",
    "select",
    "send",
    "sendmsg",
    "setsockopt",
    "shutdown",
    "socket",
};

std::array<std::atomic<std::uint64_t>, kCallCount> counts{};

std::array<std::atomic<int>, kCallCount> always{};  // the errno with which all fail, or 0

struct Plan {
  Call call = Call::kSocket;
  unsigned left = 0;  // 0: nothing is planned, or it has happened
  int error = 0;
};
Plan plan;
unsigned accepts_to_empty_address = 0;  // 0: nothing is planned, or it has happened

// Counts the call; true when it is to fail, with errno set.
bool fails(Call call) {
  counts[static_cast<std::size_t>(call)].fetch_add(1, std::memory_order_relaxed);
  if (const int error = always[static_cast<std::size_t>(call)].load(std::memory_order_relaxed); error != 0) {
    errno = error;
    return true;
  }
  if (plan.left == 0 || plan.call != call || --plan.left > 0) return false;
  errno = plan.error;
  return true;
}

}  // namespace

const char* name_of(Call call) {
  return kNames[static_cast<std::size_t>(call)];
}

std::uint64_t calls(Call call) {
  return counts[static_cast<std::size_t>(call)].load(std::memory_order_relaxed);
}

std::uint64_t calls(std::span<const Call> of) {
  std::uint64_t sum = 0;
  for (const Call call : of) sum += calls(call);
  return sum;
}

std::uint64_t system_calls() {
  std::uint64_t sum = 0;
  for (int i = 0; i < kCallCount; ++i) {
    if (const Call call{i}; call != Call::kMalloc) sum += calls(call);
  }
  return sum;
}

FailNth::FailNth(Call call, unsigned nth, int error) {
  plan = {call, nth, error};
}

FailNth::~FailNth() {
  plan = {};
}

bool FailNth::happened() const {
  return plan.left == 0;
}

FailAlways::FailAlways(Call call, int error) : call_(call) {
  always[static_cast<std::size_t>(call_)] = error;
}

FailAlways::~FailAlways() {
  always[static_cast<std::size_t>(call_)] = 0;
}

EmptyAddress::EmptyAddress(unsigned nth) {
  accepts_to_empty_address = nth;
}

EmptyAddress::~EmptyAddress() {
  accepts_to_empty_address = 0;
}

bool EmptyAddress::happened() const {
  return accepts_to_empty_address == 0;
}

}  // namespace skein::test

using skein::test::accepts_to_empty_address;
using skein::test::Call;
using skein::test::fails;

extern "C" {

int __real_accept4(int, sockaddr*, socklen_t*, int);
int __real_bind(int, const sockaddr*, socklen_t);
int __real_close(int);
int __real_connect(int, const sockaddr*, socklen_t);
int __real_epoll_create1(int);
int __real_epoll_ctl(int, int, int, epoll_event*);
int __real_epoll_wait(int, epoll_event*, int, int);
int __real_eventfd(unsigned, int);
int __real_getpeername(int, sockaddr*, socklen_t*);
int __real_getsockname(int, sockaddr*, socklen_t*);
int __real_getsockopt(int, int, int, void*, socklen_t*);
#if defined(SKEIN_LIBKQUEUE)
int __real_kevent(int, const struct kevent*, int, struct kevent*, int, const timespec*);
#endif
int __real_listen(int, int);
void* __real_malloc(std::size_t);
int __real_poll(pollfd*, nfds_t, int);
ssize_t __real_recv(int, void*, std::size_t, int);
int __real_select(int, fd_set*, fd_set*, fd_set*, timeval*);
ssize_t __real_send(int, const void*, std::size_t, int);
ssize_t __real_sendmsg(int, const msghdr*, int);
int __real_setsockopt(int, int, int, const void*, socklen_t);
int __real_shutdown(int, int);
int __real_socket(int, int, int);
long __real_syscall(long, ...);

int __wrap_accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  if (fails(Call::kAccept4)) return -1;
  if (accepts_to_empty_address == 0 || --accepts_to_empty_address > 0) {
    return __real_accept4(fd, address, length, flags);
  }
  sockaddr_storage unused;
  socklen_t unused_length = sizeof unused;
  *length = 0;
  return __real_accept4(fd, reinterpret_cast<sockaddr*>(&unused), &unused_length, flags);
}

int __wrap_bind(int fd, const sockaddr* address, socklen_t length) {
  return fails(Call::kBind) ? -1 : __real_bind(fd, address, length);
}

int __wrap_close(int fd) {
  if (!fails(Call::kClose)) return __real_close(fd);
  const int error = errno;
  __real_close(fd);
  errno = error;
  return -1;
}

int __wrap_connect(int fd, const sockaddr* address, socklen_t length) {
  if (!fails(Call::kConnect)) return __real_connect(fd, address, length);
  if (const int error = errno; error == EINTR || error == EINPROGRESS) {
    __real_connect(fd, address, length);
    errno = error;
  }
  return -1;
}

int __wrap_epoll_create1(int flags) {
  return fails(Call::kEpollCreate1) ? -1 : __real_epoll_create1(flags);
}

int __wrap_epoll_ctl(int set, int operation, int fd, epoll_event* event) {
  return fails(Call::kEpollCtl) ? -1 : __real_epoll_ctl(set, operation, fd, event);
}

int __wrap_epoll_wait(int set, epoll_event* events, int most, int timeout) {
  return fails(Call::kEpollWait) ? -1 : __real_epoll_wait(set, events, most, timeout);
}

int __wrap_eventfd(unsigned value, int flags) {
  return fails(Call::kEventfd) ? -1 : __real_eventfd(value, flags);
}

int __wrap_getpeername(int fd, sockaddr* address, socklen_t* length) {
  return fails(Call::kGetpeername) ? -1 : __real_getpeername(fd, address, length);
}

int __wrap_getsockname(int fd, sockaddr* address, socklen_t* length) {
  return fails(Call::kGetsockname) ? -1 : __real_getsockname(fd, address, length);
}

int __wrap_getsockopt(int fd, int level, int name, void* value, socklen_t* length) {
  return fails(Call::kGetsockopt) ? -1 : __real_getsockopt(fd, level, name, value, length);
}

#if defined(SKEIN_LIBKQUEUE)
int __wrap_kevent(int queue, const struct kevent* changes, int change_count, struct kevent* events, int most,
                  const timespec* limit) {
  return fails(Call::kKevent) ? -1 : __real_kevent(queue, changes, change_count, events, most, limit);
}
#endif

int __wrap_listen(int fd, int backlog) {
  return fails(Call::kListen) ? -1 : __real_listen(fd, backlog);
}

void* __wrap_malloc(std::size_t size) {
  return fails(Call::kMalloc) ? nullptr : __real_malloc(size);
}

int __wrap_poll(pollfd* entries, nfds_t count, int timeout) {
  return fails(Call::kPoll) ? -1 : __real_poll(entries, count, timeout);
}

ssize_t __wrap_recv(int fd, void* into, std::size_t size, int flags) {
  return fails(Call::kRecv) ? -1 : __real_recv(fd, into, size, flags);
}

int __wrap_select(int count, fd_set* reading, fd_set* writing, fd_set* other, timeval* timeout) {
  return fails(Call::kSelect) ? -1 : __real_select(count, reading, writing, other, timeout);
}

ssize_t __wrap_send(int fd, const void* from, std::size_t size, int flags) {
  return fails(Call::kSend) ? -1 : __real_send(fd, from, size, flags);
}

ssize_t __wrap_sendmsg(int fd, const msghdr* message, int flags) {
  return fails(Call::kSendmsg) ? -1 : __real_sendmsg(fd, message, flags);
}

int __wrap_setsockopt(int fd, int level, int name, const void* value, socklen_t length) {
  return fails(Call::kSetsockopt) ? -1 : __real_setsockopt(fd, level, name, value, length);
}

int __wrap_shutdown(int fd, int how) {
  return fails(Call::kShutdown) ? -1 : __real_shutdown(fd, how);
}

int __wrap_socket(int family, int type, int protocol) {
  return fails(Call::kSocket) ? -1 : __real_socket(family, type, protocol);
}

// Takes what libc's own takes, as parameters: where they stand in registers and on the stack is the same as for a call
// with fewer. (va_arg() would read memory that the caller did not pass.) The kernel looks at as many as the call has.
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f) {
  switch (number) {
    case __NR_io_uring_enter:
      if (fails(Call::kIoUringEnter)) return -1;
      break;
    case __NR_io_uring_register:
      if (fails(Call::kIoUringRegister)) return -1;
      break;
    case __NR_io_uring_setup:
      if (fails(Call::kIoUringSetup)) return -1;
      break;
    default:
      break;
  }
  return __real_syscall(number, a, b, c, d, e, f);
}

}  // extern "C"
