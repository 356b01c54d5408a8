// SK_CHECK states an invariant. It is cheap and stays on in release builds: a broken invariant ends the process at the
// spot, before it corrupts a neighbour's connection. No program can break one: whoever sees such a message has found a
// bug of the engine. SK_CHECK_OF also says which handle and which backend it is about.
#pragma once

#include <cstdio>
#include <cstdlib>

#include "engine/handle.h"

namespace skein {

[[noreturn]] inline void invariant_broken(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "skein: %s:%d: invariant broken: %s\n", file, line, condition);
  std::abort();
}

[[noreturn]] inline void invariant_broken(const char* condition, const char* file, int line, Handle handle,
                                          const char* backend) {
  std::fprintf(stderr, "skein: %s:%d: invariant broken: %s; handle %d (slot %u, generation %u), backend %s\n", file,
               line, condition, handle, slot_of(handle), generation_of(handle), backend);
  std::abort();
}

}  // namespace skein

#define SK_CHECK(condition)                                      \
  do {                                                           \
    if (!(condition)) [[unlikely]]                               \
      ::skein::invariant_broken(#condition, __FILE__, __LINE__); \
  } while (false)

// The same where it costs something: in the engine's own tests and in builds with sanitizers.
#if defined(SKEIN_DEBUG_CHECKS)
#define SK_DEBUG_CHECK(condition) SK_CHECK(condition)
#else
#define SK_DEBUG_CHECK(condition) static_cast<void>(0)
#endif

#define SK_CHECK_OF(condition, handle, backend)                                       \
  do {                                                                                \
    if (!(condition)) [[unlikely]]                                                    \
      ::skein::invariant_broken(#condition, __FILE__, __LINE__, (handle), (backend)); \
  } while (false)
