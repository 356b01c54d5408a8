// SK_CHECK states an invariant. It is cheap and stays on in release builds: a broken invariant stops the process at the
// spot instead of corrupting a neighbour's connection.
#pragma once

#include <cstdio>
#include <cstdlib>

#define SK_CHECK(condition)                                                                         \
  do {                                                                                              \
    if (!(condition)) [[unlikely]] {                                                                \
      std::fprintf(stderr, "skein: %s:%d: invariant broken: %s\n", __FILE__, __LINE__, #condition); \
      std::abort();                                                                                 \
    }                                                                                               \
  } while (false)
