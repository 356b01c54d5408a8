#include "addon/thread.h"

#include <cerrno>
#include <cstdint>
#include <cstring>

#if defined(_WIN32)
#include <windows.h>
// After windows.h.
#include <process.h>
#else
#include <pthread.h>

#include <csignal>
#endif

namespace skein {

#if defined(_WIN32)

int Thread::start(void (*body)(void*), void* argument) {
  body_ = body;
  argument_ = argument;
  const auto run = [](void* self) -> unsigned {
    const Thread& thread = *static_cast<Thread*>(self);
    thread.body_(thread.argument_);
    return 0;
  };
  const std::uintptr_t thread = ::_beginthreadex(nullptr, 0, run, this, 0, nullptr);
  if (thread == 0) return -errno;
  native_ = thread;
  started_ = true;
  return 0;
}

void Thread::join() {
  const auto thread = reinterpret_cast<HANDLE>(static_cast<std::uintptr_t>(native_));
  ::WaitForSingleObject(thread, INFINITE);
  ::CloseHandle(thread);
  started_ = false;
}

#else

static_assert(sizeof(pthread_t) <= sizeof(unsigned long long));

// Signals are the program's: a thread inherits the mask of the one that makes it.
int Thread::start(void (*body)(void*), void* argument) {
  body_ = body;
  argument_ = argument;
  const auto run = [](void* self) -> void* {
    const Thread& thread = *static_cast<Thread*>(self);
    thread.body_(thread.argument_);
    return nullptr;
  };
  sigset_t all;
  sigset_t before;
  sigfillset(&all);  // a macro on macOS
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  pthread_t thread;
  const int error = ::pthread_create(&thread, nullptr, run, this);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  if (error != 0) return -error;
  std::memcpy(&native_, &thread, sizeof thread);
  started_ = true;
  return 0;
}

void Thread::join() {
  pthread_t thread;
  std::memcpy(&thread, &native_, sizeof thread);
  ::pthread_join(thread, nullptr);
  started_ = false;
}

#endif

}  // namespace skein
