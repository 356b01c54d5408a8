// What each errno means for each system call: the only place where that is decided. Every backend asks here, the fault
// injections of native/test/faults_test.cc and test/torture/faults.cc take their cases from here, and docs/internals.md
// holds the same table (scripts/errno-table.mjs writes it; a test compares them). Add a row when you learn that a
// kernel returns something.
//
// Sources: the man pages of Linux (man7.org), XNU and FreeBSD, and "Windows Sockets Error Codes"; winsock.cc turns
// winsock's errors into the errnos of the same meaning first.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <span>

namespace skein::net {

// The calls, by what they do. One name stands for the variants of a platform.
enum class Call : std::uint8_t {
  kAccept,     // accept4, accept; the completions of a multishot accept and of AcceptEx
  kConnect,    // connect, ConnectEx; SO_ERROR after it
  kReceive,    // recv; the completions of a multishot receive and of WSARecv
  kSend,       // send, sendmsg, WSASend
  kShutdown,   // shutdown(SHUT_WR)
  kSetOption,  // setsockopt on a connection
  kGetOption,  // getsockopt on a connection
  kGetName,    // getsockname, getpeername
  kSocket,     // socket, and the options that every socket gets
  kBind,       // bind
  kListen,     // listen
  kClose,      // close
  kChange,     // epoll_ctl, kevent with changes: what a descriptor is waited for
  kWait,       // epoll_wait, kevent, poll, select, GetQueuedCompletionStatusEx
  kEnter,      // io_uring_enter
  kOpen,       // epoll_create1, kqueue, io_uring_setup, io_uring_register, eventfd, pipe, CreateIoCompletionPort
};
inline constexpr std::size_t kCallCount = static_cast<std::size_t>(Call::kOpen) + 1;

enum class Meaning : std::uint8_t {
  kAgain,           // nothing can be done now: wait until the kernel reports the descriptor, or for the next turn
  kInterrupted,     // call again at once; what must not be called again (close) has taken effect
  kGoesOn,          // the operation is under way and its end is reported later
  kPause,           // a shortage that may pass: try again after a pause (engine/backoff.h), give up after its patience
  kPeerGone,        // the peer left before the call: accept takes the next, an option or an address is void
  kListenerPauses,  // the listener pauses, the program is told, and it tries again later
  kReset,           // the peer's reset came before the call: the connection is lost with ECONNRESET
  kLost,            // the connection is lost with this errno
  kFails,           // the operation fails and its caller is told this errno
  kIgnored,         // nothing depends on it
};

struct ErrnoRow {
  Call call;
  int error;
  Meaning meaning;
};

// clang-format off
inline constexpr ErrnoRow kErrnoTable[] = {
    // accept(2): a pending connection that died is reported by its own network errors on Linux. XNU and FreeBSD say
    // ECONNABORTED, or return a socket with an address of length 0 (posix.cc turns that into ECONNABORTED).
    {Call::kAccept, EAGAIN, Meaning::kAgain},
    {Call::kAccept, EWOULDBLOCK, Meaning::kAgain},
    {Call::kAccept, EINTR, Meaning::kInterrupted},
    {Call::kAccept, ECONNABORTED, Meaning::kPeerGone},
    {Call::kAccept, ECONNRESET, Meaning::kPeerGone},
    {Call::kAccept, EPROTO, Meaning::kPeerGone},
    {Call::kAccept, EPERM, Meaning::kPeerGone},
    {Call::kAccept, ENETDOWN, Meaning::kPeerGone},
    {Call::kAccept, ENOPROTOOPT, Meaning::kPeerGone},
    {Call::kAccept, EHOSTUNREACH, Meaning::kPeerGone},
    {Call::kAccept, ENETUNREACH, Meaning::kPeerGone},
    {Call::kAccept, EOPNOTSUPP, Meaning::kPeerGone},
    {Call::kAccept, ETIMEDOUT, Meaning::kPeerGone},
#if defined(__linux__)
    {Call::kAccept, EHOSTDOWN, Meaning::kPeerGone},
    {Call::kAccept, ENONET, Meaning::kPeerGone},
    {Call::kAccept, ENOSR, Meaning::kListenerPauses},
    {Call::kAccept, ESOCKTNOSUPPORT, Meaning::kListenerPauses},
#endif
    {Call::kAccept, EMFILE, Meaning::kListenerPauses},
    {Call::kAccept, ENFILE, Meaning::kListenerPauses},
    {Call::kAccept, ENOBUFS, Meaning::kListenerPauses},
    {Call::kAccept, ENOMEM, Meaning::kListenerPauses},
    {Call::kAccept, EINVAL, Meaning::kListenerPauses},
    {Call::kAccept, EBADF, Meaning::kListenerPauses},
    {Call::kAccept, EFAULT, Meaning::kListenerPauses},
    {Call::kAccept, ENOTSOCK, Meaning::kListenerPauses},
    {Call::kAccept, EPROTONOSUPPORT, Meaning::kListenerPauses},

    // connect(2): one that was interrupted goes on by itself.
    {Call::kConnect, EINPROGRESS, Meaning::kGoesOn},
    {Call::kConnect, EINTR, Meaning::kGoesOn},
    {Call::kConnect, EACCES, Meaning::kFails},
    {Call::kConnect, EPERM, Meaning::kFails},
    {Call::kConnect, EADDRINUSE, Meaning::kFails},
    {Call::kConnect, EADDRNOTAVAIL, Meaning::kFails},
    {Call::kConnect, EAFNOSUPPORT, Meaning::kFails},
    {Call::kConnect, EAGAIN, Meaning::kFails},
    {Call::kConnect, EALREADY, Meaning::kFails},
    {Call::kConnect, EBADF, Meaning::kFails},
    {Call::kConnect, ECONNREFUSED, Meaning::kFails},
    {Call::kConnect, ECONNRESET, Meaning::kFails},
    {Call::kConnect, EFAULT, Meaning::kFails},
    {Call::kConnect, EHOSTUNREACH, Meaning::kFails},
    {Call::kConnect, EISCONN, Meaning::kFails},
    {Call::kConnect, ENETUNREACH, Meaning::kFails},
    {Call::kConnect, ENOBUFS, Meaning::kFails},
    {Call::kConnect, ENOTSOCK, Meaning::kFails},
    {Call::kConnect, EPROTOTYPE, Meaning::kFails},
    {Call::kConnect, ETIMEDOUT, Meaning::kFails},

    // recv(2)
    {Call::kReceive, EAGAIN, Meaning::kAgain},
    {Call::kReceive, EWOULDBLOCK, Meaning::kAgain},
    {Call::kReceive, EINTR, Meaning::kInterrupted},
    {Call::kReceive, ENOBUFS, Meaning::kPause},
    {Call::kReceive, ENOMEM, Meaning::kPause},
    {Call::kReceive, EBADF, Meaning::kLost},
    {Call::kReceive, ECONNREFUSED, Meaning::kLost},
    {Call::kReceive, ECONNRESET, Meaning::kLost},
    {Call::kReceive, EFAULT, Meaning::kLost},
    {Call::kReceive, EHOSTUNREACH, Meaning::kLost},
    {Call::kReceive, EINVAL, Meaning::kLost},
    {Call::kReceive, EIO, Meaning::kLost},
    {Call::kReceive, ENOTCONN, Meaning::kLost},
    {Call::kReceive, ENOTSOCK, Meaning::kLost},
    {Call::kReceive, ETIMEDOUT, Meaning::kLost},

    // send(2). The BSDs have ENOBUFS while they are short of mbufs, Windows WSAENOBUFS while it may lock no more pages.
    {Call::kSend, EAGAIN, Meaning::kAgain},
    {Call::kSend, EWOULDBLOCK, Meaning::kAgain},
    {Call::kSend, EINTR, Meaning::kInterrupted},
#if defined(__APPLE__)
    // XNU, of a socket that is just being shut down: the next attempt says EPIPE.
    {Call::kSend, EPROTOTYPE, Meaning::kInterrupted},
#endif
    {Call::kSend, ENOBUFS, Meaning::kPause},
    {Call::kSend, ENOMEM, Meaning::kPause},
    {Call::kSend, EACCES, Meaning::kLost},
    {Call::kSend, EALREADY, Meaning::kLost},
    {Call::kSend, EBADF, Meaning::kLost},
    {Call::kSend, ECONNRESET, Meaning::kLost},
    {Call::kSend, EDESTADDRREQ, Meaning::kLost},
    {Call::kSend, EFAULT, Meaning::kLost},
    {Call::kSend, EHOSTUNREACH, Meaning::kLost},
    {Call::kSend, EINVAL, Meaning::kLost},
    {Call::kSend, EIO, Meaning::kLost},
    {Call::kSend, EISCONN, Meaning::kLost},
    {Call::kSend, EMSGSIZE, Meaning::kLost},
    {Call::kSend, ENETDOWN, Meaning::kLost},
    {Call::kSend, ENETUNREACH, Meaning::kLost},
    {Call::kSend, ENOTCONN, Meaning::kLost},
    {Call::kSend, ENOTSOCK, Meaning::kLost},
    {Call::kSend, EOPNOTSUPP, Meaning::kLost},
    {Call::kSend, EPIPE, Meaning::kLost},
    {Call::kSend, ETIMEDOUT, Meaning::kLost},

    // shutdown(2): Linux says ENOTCONN once the peer's reset has closed the socket, the BSDs may say EINVAL.
    {Call::kShutdown, ENOTCONN, Meaning::kReset},
    {Call::kShutdown, EINVAL, Meaning::kReset},
    {Call::kShutdown, ECONNRESET, Meaning::kReset},
    {Call::kShutdown, EBADF, Meaning::kLost},
    {Call::kShutdown, ENOBUFS, Meaning::kLost},
    {Call::kShutdown, ENOTSOCK, Meaning::kLost},

    // setsockopt(2), getsockopt(2), getpeername(2): XNU and FreeBSD say EINVAL of a socket that was reset meanwhile.
    {Call::kSetOption, EINVAL, Meaning::kPeerGone},
    {Call::kSetOption, ECONNRESET, Meaning::kPeerGone},
    {Call::kSetOption, ENOTCONN, Meaning::kPeerGone},
    {Call::kSetOption, EBADF, Meaning::kFails},
    {Call::kSetOption, EDOM, Meaning::kFails},
    {Call::kSetOption, EFAULT, Meaning::kFails},
    {Call::kSetOption, ENOBUFS, Meaning::kFails},
    {Call::kSetOption, ENOMEM, Meaning::kFails},
    {Call::kSetOption, ENOPROTOOPT, Meaning::kFails},
    {Call::kSetOption, ENOTSOCK, Meaning::kFails},
    {Call::kGetOption, EINVAL, Meaning::kPeerGone},
    {Call::kGetOption, ECONNRESET, Meaning::kPeerGone},
    {Call::kGetOption, EBADF, Meaning::kFails},
    {Call::kGetOption, EFAULT, Meaning::kFails},
    {Call::kGetOption, ENOPROTOOPT, Meaning::kFails},
    {Call::kGetOption, ENOTSOCK, Meaning::kFails},
    {Call::kGetName, EINVAL, Meaning::kPeerGone},
    {Call::kGetName, ENOTCONN, Meaning::kPeerGone},
    {Call::kGetName, EBADF, Meaning::kFails},
    {Call::kGetName, EFAULT, Meaning::kFails},
    {Call::kGetName, ENOBUFS, Meaning::kFails},
    {Call::kGetName, ENOTSOCK, Meaning::kFails},

    // socket(2), bind(2), listen(2)
    {Call::kSocket, EACCES, Meaning::kFails},
    {Call::kSocket, EAFNOSUPPORT, Meaning::kFails},
    {Call::kSocket, EINVAL, Meaning::kFails},
    {Call::kSocket, EMFILE, Meaning::kFails},
    {Call::kSocket, ENFILE, Meaning::kFails},
    {Call::kSocket, ENOBUFS, Meaning::kFails},
    {Call::kSocket, ENOMEM, Meaning::kFails},
    {Call::kSocket, EPROTONOSUPPORT, Meaning::kFails},
    {Call::kBind, EACCES, Meaning::kFails},
    {Call::kBind, EADDRINUSE, Meaning::kFails},
    {Call::kBind, EADDRNOTAVAIL, Meaning::kFails},
    {Call::kBind, EBADF, Meaning::kFails},
    {Call::kBind, EFAULT, Meaning::kFails},
    {Call::kBind, EINVAL, Meaning::kFails},
    {Call::kBind, ENOTSOCK, Meaning::kFails},
    {Call::kListen, EADDRINUSE, Meaning::kFails},
    {Call::kListen, EBADF, Meaning::kFails},
    {Call::kListen, EINVAL, Meaning::kFails},
    {Call::kListen, ENOTSOCK, Meaning::kFails},
    {Call::kListen, EOPNOTSUPP, Meaning::kFails},

    // close(2): the descriptor is free on Linux, XNU and FreeBSD whatever close() returns; closing again may hit a
    // stranger's. A failed write-back (EIO) concerns files only.
    {Call::kClose, EINTR, Meaning::kIgnored},
    {Call::kClose, EIO, Meaning::kIgnored},
    {Call::kClose, EBADF, Meaning::kIgnored},
    {Call::kClose, ECONNRESET, Meaning::kIgnored},

    // epoll_ctl(2), kevent(2): what fails for want of memory is asked for again.
    {Call::kChange, ENOMEM, Meaning::kPause},
    {Call::kChange, ENOSPC, Meaning::kFails},
    {Call::kChange, EPERM, Meaning::kFails},
    {Call::kChange, EACCES, Meaning::kFails},
    {Call::kChange, EBADF, Meaning::kFails},
    {Call::kChange, EEXIST, Meaning::kFails},
    {Call::kChange, EINVAL, Meaning::kFails},
    {Call::kChange, ELOOP, Meaning::kFails},
    {Call::kChange, ENOENT, Meaning::kFails},
    {Call::kChange, ESRCH, Meaning::kFails},

    // epoll_wait(2), kevent(2), poll(2), select(2): nothing is lost, since the sets are level-triggered.
    {Call::kWait, EINTR, Meaning::kInterrupted},
    {Call::kWait, EACCES, Meaning::kPause},
    {Call::kWait, EBADF, Meaning::kPause},
    {Call::kWait, EFAULT, Meaning::kPause},
    {Call::kWait, EINVAL, Meaning::kPause},
    {Call::kWait, ENOMEM, Meaning::kPause},

    // io_uring_enter(2): it takes nothing then, or a part; EBUSY wants completions to be taken first.
    {Call::kEnter, EAGAIN, Meaning::kAgain},
    {Call::kEnter, EBUSY, Meaning::kAgain},
    {Call::kEnter, EINTR, Meaning::kInterrupted},
    {Call::kEnter, EBADF, Meaning::kPause},
    {Call::kEnter, EFAULT, Meaning::kPause},
    {Call::kEnter, EINVAL, Meaning::kPause},
    {Call::kEnter, ENXIO, Meaning::kPause},
    {Call::kEnter, EOPNOTSUPP, Meaning::kPause},

    // What a backend is made of: the reactor cannot be made then.
    {Call::kOpen, EACCES, Meaning::kFails},
    {Call::kOpen, EFAULT, Meaning::kFails},
    {Call::kOpen, EINVAL, Meaning::kFails},
    {Call::kOpen, EMFILE, Meaning::kFails},
    {Call::kOpen, ENFILE, Meaning::kFails},
    {Call::kOpen, ENODEV, Meaning::kFails},
    {Call::kOpen, ENOMEM, Meaning::kFails},
    {Call::kOpen, ENOSYS, Meaning::kFails},
    {Call::kOpen, EPERM, Meaning::kFails},
};
// clang-format on

inline constexpr std::span<const ErrnoRow> errno_table() {
  return kErrnoTable;
}

// What an errno without a row means.
constexpr Meaning default_meaning(Call call) {
  switch (call) {
    case Call::kAccept:
      return Meaning::kListenerPauses;
    case Call::kReceive:
    case Call::kSend:
    case Call::kShutdown:
      return Meaning::kLost;
    case Call::kClose:
      return Meaning::kIgnored;
    case Call::kWait:
    case Call::kEnter:
      return Meaning::kPause;
    case Call::kConnect:
    case Call::kSetOption:
    case Call::kGetOption:
    case Call::kGetName:
    case Call::kSocket:
    case Call::kBind:
    case Call::kListen:
    case Call::kChange:
    case Call::kOpen:
      break;
  }
  return Meaning::kFails;
}

// `error` is positive.
constexpr Meaning meaning_of(Call call, int error) {
  for (const ErrnoRow& row : kErrnoTable) {
    if (row.call == call && row.error == error) return row.meaning;
  }
  return default_meaning(call);
}

// The commonest question, of a result that is a count or a negative errno: Meaning::kAgain of accept, recv and send.
constexpr bool would_block(std::ptrdiff_t result) {
  return result == -EAGAIN || result == -EWOULDBLOCK;
}
// Whether a result is a negative errno that means kPause.
constexpr bool is_shortage(Call call, std::ptrdiff_t result) {
  return result < 0 && meaning_of(call, static_cast<int>(-result)) == Meaning::kPause;
}

static_assert(meaning_of(Call::kAccept, EAGAIN) == Meaning::kAgain);
static_assert(meaning_of(Call::kReceive, EAGAIN) == Meaning::kAgain);
static_assert(meaning_of(Call::kSend, EAGAIN) == Meaning::kAgain);

}  // namespace skein::net
