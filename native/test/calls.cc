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
#include <cstdarg>
#include <cstddef>

namespace skein::test {

namespace {

constexpr std::array<const char*, kCallCount> kNames{
    "accept4", "bind",       "close",          "connect", "epoll_create1", "epoll_ctl", "epoll_wait",
    "eventfd", "getsockopt", "io_uring_enter", "kevent",  "listen",        "malloc",    "poll",
    "recv",    "select",     "send",           "sendmsg", "setsockopt",    "shutdown",  "socket",
};

std::array<std::atomic<std::uint64_t>, kCallCount> counts{};

struct Plan {
  Call call = Call::kSocket;
  unsigned left = 0;  // 0: nothing is planned, or it has happened
  int error = 0;
};
Plan plan;

// Counts the call; true when it is to fail, with errno set.
bool fails(Call call) {
  counts[static_cast<std::size_t>(call)].fetch_add(1, std::memory_order_relaxed);
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

}  // namespace skein::test

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
  return fails(Call::kAccept4) ? -1 : __real_accept4(fd, address, length, flags);
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
  if (const int error = errno; error == EINTR) {
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

// It takes six at most; what the caller did not give is not looked at.
long __wrap_syscall(long number, ...) {
  if (number == __NR_io_uring_enter && fails(Call::kIoUringEnter)) return -1;
  std::array<long, 6> given;
  va_list list;
  va_start(list, number);
  for (long& argument : given) argument = va_arg(list, long);
  va_end(list);
  return __real_syscall(number, given[0], given[1], given[2], given[3], given[4], given[5]);
}

}  // extern "C"
