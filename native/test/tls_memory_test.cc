// TLS when the heap is exhausted: each allocation of OpenSSL's fails once. A context is refused then, a connection
// lost, or nothing comes of it; nothing is leaked (sanitizers), and no error stays in the queue.
#include <cerrno>
#include <cstdlib>

#include "test/tls_pair.h"
#include "test/volume.h"

namespace {

using namespace skein;
using namespace skein::test;
using tls::openssl;
using tls::TlsFilter;

int left = 0;  // until an allocation fails; 0: none does

bool fails() {
  return left > 0 && --left == 0;
}

void* allocate(std::size_t size, const char*, int) {
  return fails() ? nullptr : std::malloc(size);
}

void* reallocate(void* memory, std::size_t size, const char*, int) {
  return fails() ? nullptr : std::realloc(memory, size);
}

void release(void* memory, const char*, int) {
  std::free(memory);
}

// Before OpenSSL has allocated anything.
const bool counted = reinterpret_cast<int (*)(decltype(allocate)*, decltype(reallocate)*, decltype(release)*)>(
                         find_in_system("CRYPTO_set_mem_functions"))(allocate, reallocate, release) == 1;
const bool loaded = system_openssl().empty();

// Calls `attempt` with the first, the second, … allocation failing, until none is left to fail. Returns how many there
// are. In the gate only some of them fail.
template <typename Attempt>
int fail_each(const Attempt& attempt) {
  const int step = volume(1, 0) > 0 ? 23 : 1;
  for (int nth = 1 + static_cast<int>(test_seed() % static_cast<std::uint64_t>(step)); nth < 100'000; nth += step) {
    left = nth;
    attempt(nth);
    const bool happened = left == 0;
    left = 0;
    CHECK_EQUAL(openssl.ERR_peek_error(), 0);
    if (!happened) return nth - 1;
  }
  return 0;
}

tls::Context::Options mutual(bool server) {
  static const auto trusted = roots();
  tls::Context::Options options;
  options.server = server;
  options.identities = {server ? tls::Context::Identity{kServerCertificate, der(kServerKey)}
                               : tls::Context::Identity{kClientCertificate, der(kClientKey)}};
  options.roots = trusted;
  options.peer = tls::PeerCertificate::kRequire;
  options.protocols = std::string("\2h2");
  options.session_id_context = "test";
  return options;
}

}  // namespace

TEST("the allocations of this system's OpenSSL can be made to fail") {
  CHECK(counted);
  CHECK(loaded);
}

TEST("a context for which there is no memory is refused") {
  // What OpenSSL makes once stays.
  context(mutual(true));
  for (const bool server : {true, false}) {
    int made = 0;
    int refused = 0;
    const int count = fail_each([&](int) {
      auto options = mutual(server);
      tls::Refusal refusal;
      const auto context = tls::Context::make(options, refusal);
      ++(context == nullptr ? refused : made);
      CHECK((context == nullptr) == !refusal.what.empty());
    });
    CHECK(count > 100);
    CHECK(refused > 0 && made > 0);
  }
}

TEST("roots for which there is no memory are refused") {
  const int count = fail_each([&](int) {
    tls::Roots::Options options;
    options.certificates = kAuthority + std::string(kOtherAuthority);
    tls::Refusal refusal;
    const auto roots = tls::Roots::make(options, refusal);
    CHECK((roots == nullptr) == !refusal.what.empty());
    // All of them, or none.
    if (roots != nullptr) CHECK_EQUAL(roots->certificates().size(), 2);
  });
  CHECK(count > 10);
}

TEST("a connection for which there is no memory is lost, and no other") {
  for (const int version : {tls::kVersion12, tls::kVersion13}) {
    auto options = mutual(true);
    options.max_version = version;
    const auto server = context(options);
    const auto client = context(mutual(false));
    { Pair(server, client).shake_hands(); }
    int lost = 0;
    const int count = fail_each([&](int nth) {
      Pair pair(server, client);
      pair.shake_hands();
      const bool up = pair.client.filter->established() && pair.server.filter->established();
      const std::string text(20'000, 'x');
      Pair::move(pair.client, pair.server, text);
      pair.client.filter->close();
      Pair::move(pair.client, pair.server);
      const bool failed = pair.client.error != 0 || pair.server.error != 0;
      set_context("version " + std::to_string(version) + ", allocation " + std::to_string(nth));
      CHECK(up || failed);
      CHECK(failed || (pair.server.plain == text && pair.server.ended));
      CHECK(text.starts_with(pair.server.plain));
      set_context("");
      if (failed) ++lost;
    });
    CHECK(count > 200);
    CHECK(lost > 0);
    Pair pair(server, client);
    pair.shake_hands();
    CHECK(pair.client.filter->established());
  }
}
