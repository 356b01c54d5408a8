#include "backend/registry.h"

#include <array>
#include <cstring>

#include "backend/readiness.h"
#include "backend/selector/selector.h"
#if defined(__linux__)
#include "backend/uring/uring.h"
#elif defined(_WIN32)
#include "backend/iocp/iocp.h"
#endif

namespace skein {

namespace {

template <typename Kind>
std::unique_ptr<Backend> make() {
  return std::make_unique<Kind>();
}

template <std::unique_ptr<Selector> (*MakeSelector)()>
std::unique_ptr<Backend> make_readiness() {
  return std::make_unique<Readiness>(MakeSelector());
}

// Opens the selector and closes it again.
template <std::unique_ptr<Selector> (*MakeSelector)()>
std::string probe_selector() {
  const int result = MakeSelector()->open();
  return result == 0 ? std::string() : std::string("the kernel refuses it: ") + std::strerror(-result);
}

#if defined(SKEIN_LIBKQUEUE)
// For tests: after every other.
constexpr int kKqueuePreference = 50;
constexpr bool kKqueuePollable = false;
#elif defined(SKEIN_HAS_KQUEUE)
constexpr int kKqueuePreference = 300;
constexpr bool kKqueuePollable = true;
#endif

constexpr std::array kBackends {
#if defined(_WIN32)
  BackendEntry{"iocp", 300, false, iocp::probe, make<iocp::Iocp>},
#endif
#if defined(__linux__)
      BackendEntry{"epoll", 300, true, probe_selector<make_epoll_selector>, make_readiness<make_epoll_selector>},
#endif
#if defined(SKEIN_HAS_KQUEUE)
      BackendEntry{"kqueue", kKqueuePreference, kKqueuePollable, probe_selector<make_kqueue_selector>,
                   make_readiness<make_kqueue_selector>},
#endif
#if !defined(_WIN32)
      BackendEntry{"poll", 200, false, probe_selector<make_poll_selector>, make_readiness<make_poll_selector>},
#endif
#if defined(__linux__)
      BackendEntry{"io_uring", 50, true, uring::probe, make<uring::Uring>},
#endif
      BackendEntry{"select", 100, false, probe_selector<make_select_selector>, make_readiness<make_select_selector>},
};

}  // namespace

std::span<const BackendEntry> backends() {
  return kBackends;
}

const BackendEntry* find_backend(std::string_view name) {
  for (const BackendEntry& entry : kBackends) {
    if (name == entry.name) return &entry;
  }
  return nullptr;
}

}  // namespace skein
