// Tests that every backend has to pass: each that this build has and that works on this machine, and one whose sends
// complete later.
//
//     TEST_ON_EACH_BACKEND("A sentence about behaviour") {
//       World world(backend);
//     }
#pragma once

#include <string>
#include <vector>

#include "backend/registry.h"
#include "test/sends_later.h"
#include "test/test.h"

namespace skein::test {

// A check that fails tells on which backend it did.
inline void on_each_backend(void (*body)(const BackendEntry& backend)) {
  int tried = 0;
  std::vector<BackendEntry> all(backends().begin(), backends().end());
  if (find_backend(kBelowSendsLater) != nullptr) all.push_back(sends_later());
  for (const BackendEntry& backend : all) {
    if (!backend.probe().empty()) continue;
    ++tried;
    set_context(backend.name);
    body(backend);
  }
  set_context("");
  CHECK(tried > 0);
}

}  // namespace skein::test

#define TEST_ON_EACH_BACKEND(sentence)                                                   \
  static void SKEIN_JOIN(body_, __LINE__)(const ::skein::BackendEntry& backend);         \
  static ::skein::test::Test SKEIN_JOIN(registered_, __LINE__)(                          \
      (sentence), [] { ::skein::test::on_each_backend(&SKEIN_JOIN(body_, __LINE__)); }); \
  static void SKEIN_JOIN(body_, __LINE__)([[maybe_unused]] const ::skein::BackendEntry& backend)
