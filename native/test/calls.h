// The engine's system calls, and its heap, as tests see them: counted, and made to fail.
//
//     engine ── send() ──▶ __wrap_send ──▶ __real_send        linked with -Wl,--wrap=send
//                              │ counted; the Nth fails when a test asked for it
//
// Everything in a test's executable goes through here, its own code too: count around what only the engine does, and
// write a peer with the calls that are not wrapped (read, sendto, recvfrom). Counters are atomic, for the test that
// waits on a thread; failures are asked for on one thread only.
#pragma once

#include <cstdint>
#include <span>

namespace skein::test {

enum class Call {
  kAccept4,
  kBind,
  kClose,
  kConnect,
  kEpollCreate1,
  kEpollCtl,
  kEpollWait,
  kEventfd,
  kGetpeername,
  kGetsockname,
  kGetsockopt,
  kIoUringEnter,
  kIoUringRegister,
  kIoUringSetup,
  kKevent,  // where kqueue is libkqueue
  kListen,
  kMalloc,
  kPoll,
  kRecv,
  kSelect,
  kSend,
  kSendmsg,
  kSetsockopt,
  kShutdown,
  kSocket,
};
inline constexpr int kCallCount = static_cast<int>(Call::kSocket) + 1;

const char* name_of(Call call);

// How often it was called since the start.
std::uint64_t calls(Call call);
std::uint64_t calls(std::span<const Call> of);
// Every system call that is wrapped, together.
std::uint64_t system_calls();

// Makes the `nth` call from now on (1 is the next) fail with `error`, once; a malloc returns nullptr. What the kernel
// does even when it reports an error is done: close(2) closes, and a connect(2) that was interrupted or is in progress
// goes on.
class FailNth {
 public:
  FailNth(Call call, unsigned nth, int error);
  FailNth(const FailNth&) = delete;
  FailNth& operator=(const FailNth&) = delete;
  ~FailNth();

  // Whether it came to the `nth` call.
  bool happened() const;
};

// Makes every call fail with `error` for as long as it lives.
class FailAlways {
 public:
  FailAlways(Call call, int error);
  FailAlways(const FailAlways&) = delete;
  FailAlways& operator=(const FailAlways&) = delete;
  ~FailAlways();

 private:
  Call call_;
};

// The `nth` accept4(2) from now on brings a socket and an address of length 0, as XNU does for a connection that died
// in the backlog.
class EmptyAddress {
 public:
  explicit EmptyAddress(unsigned nth);
  EmptyAddress(const EmptyAddress&) = delete;
  EmptyAddress& operator=(const EmptyAddress&) = delete;
  ~EmptyAddress();

  bool happened() const;
};

}  // namespace skein::test
