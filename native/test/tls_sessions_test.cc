// Which sessions a client resumes, and for how long.
#include "test/tls_pair.h"

namespace {

using namespace skein;
using namespace skein::test;
using tls::openssl;

constexpr std::int64_t kStart = 1'800'000'000;
constexpr int kSeconds = 1000;
std::int64_t now = kStart;

const bool loaded = system_openssl().empty();

// Two ends that meet again and again. The client resumes the latest session that it was offered.
struct World {
  explicit World(int version) {
    now = kStart;
    auto of_server = server_options();
    of_server.session_seconds = kSeconds;
    of_server.max_version = version;
    server = context(of_server);
    auto of_client = client_options();
    of_client.session_seconds = kSeconds;
    client = context(of_client);
    client->set_clock([] { return now; });
  }

  // Whether it was resumed.
  bool connect() {
    Pair pair(server, client, "localhost", session);
    pair.shake_hands();
    CHECK(pair.client.filter->established() && pair.server.filter->established());
    session.clear();
    for (ssl_session_st* one : pair.client.filter->take_sessions()) {
      unsigned char bytes[4096];
      unsigned char* end = bytes;
      const int length = openssl.i2d_SSL_SESSION(one, &end);
      session.assign(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(length));
      openssl.SSL_SESSION_free(one);
    }
    CHECK(!session.empty());
    const int resumed = openssl.SSL_session_reused(pair.client.filter->ssl());
    CHECK_EQUAL(resumed, openssl.SSL_session_reused(pair.server.filter->ssl()));
    return resumed == 1;
  }

  std::shared_ptr<tls::Context> server;
  std::shared_ptr<tls::Context> client;
  std::string session;  // DER
};

constexpr int kVersions[] = {tls::kVersion12, tls::kVersion13};

}  // namespace

TEST("this system has an OpenSSL with sessions") {
  CHECK(loaded);
}

TEST("each connection that resumes brings a session for the next one") {
  for (const int version : kVersions) {
    World world(version);
    CHECK(!world.connect());
    for (int i = 0; i < 4; ++i) CHECK(world.connect());
  }
}

TEST("a client resumes no session that began longer ago than it lives, however often it was renewed") {
  for (const int version : kVersions) {
    World world(version);
    world.connect();
    for (now = kStart + 300; now < kStart + kSeconds; now += 300) CHECK(world.connect());
    CHECK(!world.connect());
    CHECK(world.connect());
  }
}
