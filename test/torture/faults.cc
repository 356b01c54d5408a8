// Counts system calls, and fails the Nth of a kind that the engine makes. One file in two roles:
//
//     LD_PRELOAD=build/test/faults.node node script.mjs     the wrappers below stand before libc's
//     require("build/test/faults.node")                     the same instance, now as an addon: the script steers it
//
// Every call is counted, by whether it came from skein.node or from elsewhere (Node, libuv); only the engine's own can
// fail, so that a fault is never one of the runtime's. Calls may come from any thread. glibc's calls to itself are not
// seen. cases() lists what is worth failing: each errno of native/net/errno_table.h, for each call that plays its part.
#include <dlfcn.h>
#include <link.h>
#include <node_api.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <utility>

#include "net/errno_table.h"
#include "test/errno_cases.h"

namespace {

enum Name : int {
  kAccept4,
  kConnect,
  kRecv,
  kSend,
  kSendmsg,
  kEpollCtl,
  kEpollWait,
  kEpollPwait,
  kRead,
  kWrite,
  kWritev,
  kReadv,
  kSocket,
  kBind,
  kListen,
  kGetsockopt,
  kShutdown,
  kClose,
  kSyscall,
  kPthreadCreate,
  kNames
};

constexpr const char* kNameTexts[kNames] = {"accept4",    "connect",    "recv",        "send",    "sendmsg",
                                            "epoll_ctl",  "epoll_wait", "epoll_pwait", "read",    "write",
                                            "writev",     "readv",      "socket",      "bind",    "listen",
                                            "getsockopt", "shutdown",   "close",       "syscall", "pthread_create"};

namespace net = skein::net;

// Which of the calls is which call of the errno table.
struct Role {
  Name name;
  net::Call does;
};
constexpr Role kRoles[] = {
    {kAccept4, net::Call::kAccept}, {kConnect, net::Call::kConnect},      {kRecv, net::Call::kReceive},
    {kSend, net::Call::kSend},      {kSendmsg, net::Call::kSend},         {kEpollCtl, net::Call::kChange},
    {kEpollWait, net::Call::kWait}, {kSocket, net::Call::kSocket},        {kBind, net::Call::kBind},
    {kListen, net::Call::kListen},  {kGetsockopt, net::Call::kGetOption}, {kShutdown, net::Call::kShutdown},
    {kClose, net::Call::kClose},
};

// How many connections it must hurt: what fails in the middle of a connection may hit one that its program has closed
// already, or the listener.
int least_hurt(const net::ErrnoRow& row) {
  switch (row.call) {
    case net::Call::kReceive:
    case net::Call::kShutdown:
    case net::Call::kChange:
      return 0;
    default:
      return skein::test::most_hurt(row);
  }
}

std::atomic<std::uint64_t> engine_calls[kNames];
std::atomic<std::uint64_t> other_calls[kNames];

// Where skein.node's code stands; empty until the addon was loaded and reset() or arm() looked for it.
std::atomic<std::uintptr_t> engine_begin = 0;
std::atomic<std::uintptr_t> engine_end = 0;

std::atomic<int> armed_name = -1;
std::atomic<int> armed_errno = 0;
std::atomic<std::int64_t> armed_countdown = 0;

bool from_engine(const void* caller) {
  const auto address = reinterpret_cast<std::uintptr_t>(caller);
  return address >= engine_begin.load(std::memory_order_relaxed) &&
         address < engine_end.load(std::memory_order_relaxed);
}

// Counts the call; 0, or the errno it must fail with.
int count(Name name, const void* caller) {
  if (!from_engine(caller)) {
    other_calls[name].fetch_add(1, std::memory_order_relaxed);
    return 0;
  }
  engine_calls[name].fetch_add(1, std::memory_order_relaxed);
  if (armed_name.load(std::memory_order_relaxed) != name) return 0;
  return armed_countdown.fetch_sub(1, std::memory_order_relaxed) == 1 ? armed_errno.load(std::memory_order_relaxed) : 0;
}

int find_engine(dl_phdr_info* info, std::size_t, void*) {
  constexpr char kFile[] = "/skein.node";
  const std::size_t length = std::strlen(info->dlpi_name);
  if (length < sizeof kFile || std::strcmp(info->dlpi_name + length - (sizeof kFile - 1), kFile) != 0) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_X) == 0) continue;
    engine_begin = info->dlpi_addr + segment.p_vaddr;
    engine_end = info->dlpi_addr + segment.p_vaddr + segment.p_memsz;
  }
  return 1;
}

void locate_engine() {
  dl_iterate_phdr(find_engine, nullptr);
}

}  // namespace

// Stands before libc's function of that name. `done_anyway` tells with which errnos the call takes place nevertheless.
// The next definition is looked up at the first call, which may come before any constructor has run.
#define STAND_BEFORE(ID, Result, name, parameters, arguments, specifier, done_anyway)  \
  extern "C" __attribute__((visibility("default"))) Result name parameters specifier { \
    using Call = Result(*) parameters specifier;                                       \
    static std::atomic<Call> next = nullptr;                                           \
    Call call = next.load(std::memory_order_relaxed);                                  \
    if (call == nullptr) {                                                             \
      call = reinterpret_cast<Call>(dlsym(RTLD_NEXT, #name));                          \
      next.store(call, std::memory_order_relaxed);                                     \
    }                                                                                  \
    const int error = count(ID, __builtin_return_address(0));                          \
    if (error == 0) return call arguments;                                             \
    if (done_anyway) call arguments;                                                   \
    errno = error;                                                                     \
    return -1;                                                                         \
  }

STAND_BEFORE(kAccept4, int, accept4, (int fd, sockaddr* peer, socklen_t* length, int flags), (fd, peer, length, flags),
             , false)
// An interrupted connect goes on by itself (connect(2)), as one in progress does.
STAND_BEFORE(kConnect, int, connect, (int fd, const sockaddr* peer, socklen_t length), (fd, peer, length), ,
             error == EINTR || error == EINPROGRESS)
STAND_BEFORE(kRecv, ssize_t, recv, (int fd, void* into, size_t size, int flags), (fd, into, size, flags), , false)
STAND_BEFORE(kSend, ssize_t, send, (int fd, const void* from, size_t size, int flags), (fd, from, size, flags), , false)
STAND_BEFORE(kSendmsg, ssize_t, sendmsg, (int fd, const msghdr* message, int flags), (fd, message, flags), , false)
STAND_BEFORE(kEpollCtl, int, epoll_ctl, (int set, int operation, int fd, epoll_event* event),
             (set, operation, fd, event), noexcept, false)
STAND_BEFORE(kEpollWait, int, epoll_wait, (int set, epoll_event* events, int most, int timeout),
             (set, events, most, timeout), , false)
STAND_BEFORE(kEpollPwait, int, epoll_pwait, (int set, epoll_event* events, int most, int timeout, const sigset_t* mask),
             (set, events, most, timeout, mask), , false)
STAND_BEFORE(kRead, ssize_t, read, (int fd, void* into, size_t size), (fd, into, size), , false)
STAND_BEFORE(kWrite, ssize_t, write, (int fd, const void* from, size_t size), (fd, from, size), , false)
STAND_BEFORE(kWritev, ssize_t, writev, (int fd, const iovec* pieces, int count_of_pieces),
             (fd, pieces, count_of_pieces), , false)
STAND_BEFORE(kReadv, ssize_t, readv, (int fd, const iovec* pieces, int count_of_pieces), (fd, pieces, count_of_pieces),
             , false)
STAND_BEFORE(kSocket, int, socket, (int family, int type, int protocol), (family, type, protocol), noexcept, false)
STAND_BEFORE(kBind, int, bind, (int fd, const sockaddr* address, socklen_t length), (fd, address, length), noexcept,
             false)
STAND_BEFORE(kListen, int, listen, (int fd, int backlog), (fd, backlog), noexcept, false)
STAND_BEFORE(kGetsockopt, int, getsockopt, (int fd, int level, int option, void* value, socklen_t* length),
             (fd, level, option, value, length), noexcept, false)
STAND_BEFORE(kShutdown, int, shutdown, (int fd, int how), (fd, how), noexcept, false)
// The descriptor is gone on Linux, whatever close(2) reports.
STAND_BEFORE(kClose, int, close, (int fd), (fd), , true)

// It returns the errno.
extern "C" __attribute__((visibility("default"))) int pthread_create(pthread_t* thread,
                                                                     const pthread_attr_t* attributes,
                                                                     void* (*body)(void*), void* argument) noexcept {
  static std::atomic<int (*)(pthread_t*, const pthread_attr_t*, void* (*)(void*), void*)> next = nullptr;
  if (next.load() == nullptr) next = reinterpret_cast<decltype(next.load())>(dlsym(RTLD_NEXT, "pthread_create"));
  const int error = count(kPthreadCreate, __builtin_return_address(0));
  return error != 0 ? error : next.load()(thread, attributes, body, argument);
}

// libuv makes some of its calls this way. No call takes more than six arguments, and the kernel looks at as many as it
// has. They are parameters, as in libc's own: va_arg() would read memory that the caller did not pass. The header
// declares it with an ellipsis, hence the other name.
extern "C" __attribute__((visibility("default"))) long any_syscall(long number, long a, long b, long c, long d, long e,
                                                                   long f) noexcept __asm__("syscall");

long any_syscall(long number, long a, long b, long c, long d, long e, long f) noexcept {
  static std::atomic<long (*)(long, ...)> next = nullptr;
  if (next.load() == nullptr) next = reinterpret_cast<long (*)(long, ...)>(dlsym(RTLD_NEXT, "syscall"));
  count(kSyscall, __builtin_return_address(0));
  return next.load()(number, a, b, c, d, e, f);
}

namespace {

std::int32_t integer(napi_env env, napi_value value) {
  std::int32_t number = 0;
  napi_get_value_int32(env, value, &number);
  return number;
}

// arm(call, nth, errno): the engine's nth call of that name from now on fails.
napi_value arm(napi_env env, napi_callback_info info) {
  std::size_t given = 3;
  napi_value arguments[3];
  napi_get_cb_info(env, info, &given, arguments, nullptr, nullptr);
  char text[32] = "";
  std::size_t length = 0;
  napi_get_value_string_utf8(env, arguments[0], text, sizeof text, &length);
  int name = 0;
  while (name < kNames && std::strcmp(text, kNameTexts[name]) != 0) ++name;
  if (name == kNames) {
    napi_throw_error(env, nullptr, "arm() does not know that call");
    return nullptr;
  }
  locate_engine();
  if (engine_end == 0) {
    napi_throw_error(env, nullptr, "arm() comes after skein.node was loaded");
    return nullptr;
  }
  armed_errno = integer(env, arguments[2]);
  armed_countdown = integer(env, arguments[1]);
  armed_name = name;
  return nullptr;
}

// disarm(): true when the fault took place.
napi_value disarm(napi_env env, napi_callback_info) {
  const bool took_place = armed_name >= 0 && armed_countdown <= 0;
  armed_name = -1;
  napi_value result;
  napi_get_boolean(env, took_place, &result);
  return result;
}

// counts(): { engine: { accept4: …, … }, other: { … } }, since the last reset().
napi_value counts(napi_env env, napi_callback_info) {
  napi_value result;
  napi_create_object(env, &result);
  for (const auto& [side, calls] : {std::pair{"engine", engine_calls}, std::pair{"other", other_calls}}) {
    napi_value by_name;
    napi_create_object(env, &by_name);
    for (int name = 0; name < kNames; ++name) {
      napi_value number;
      napi_create_int64(env, static_cast<std::int64_t>(calls[name].load()), &number);
      napi_set_named_property(env, by_name, kNameTexts[name], number);
    }
    napi_set_named_property(env, result, side, by_name);
  }
  return result;
}

void set(napi_env env, napi_value object, const char* name, int number) {
  napi_value value;
  napi_create_int32(env, number, &value);
  napi_set_named_property(env, object, name, value);
}

// cases(): [{ call, errno, least, most, highest }, …]: `least` to `most` connections are hurt when one of the first
// `highest` calls fails with that errno.
napi_value cases(napi_env env, napi_callback_info) {
  napi_value list;
  napi_create_array(env, &list);
  std::uint32_t length = 0;
  for (const net::ErrnoRow& row : net::errno_table()) {
    if (!skein::test::is_first(row)) continue;
    for (const Role& role : kRoles) {
      if (role.does != row.call) continue;
      napi_value one;
      napi_value call;
      napi_create_object(env, &one);
      napi_create_string_utf8(env, kNameTexts[role.name], NAPI_AUTO_LENGTH, &call);
      napi_set_named_property(env, one, "call", call);
      set(env, one, "errno", row.error);
      set(env, one, "least", least_hurt(row));
      set(env, one, "most", skein::test::most_hurt(row));
      set(env, one, "highest", static_cast<int>(skein::test::highest_nth(row)));
      napi_set_element(env, list, length++, one);
    }
  }
  return list;
}

napi_value reset(napi_env, napi_callback_info) {
  locate_engine();
  for (int name = 0; name < kNames; ++name) engine_calls[name] = other_calls[name] = 0;
  return nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  const auto add = [&](const char* name, napi_callback function) {
    napi_value value;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
    napi_set_named_property(env, exports, name, value);
  };
  add("arm", arm);
  add("disarm", disarm);
  add("counts", counts);
  add("cases", cases);
  add("reset", reset);
  return exports;
}
