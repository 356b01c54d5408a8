// Stapled responses that say nothing, and none where one is required. What OpenSSL verifies of others is tested over
// sockets, with authorities that are made for it: test/conformance/tls-ocsp.test.ts.
#include "test/tls_pair.h"
#include "tls/callbacks.h"

namespace {

using namespace skein;
using namespace skein::test;
using tls::Staple;
using tls::TlsFilter;

const bool loaded = system_openssl().empty();

// A response of no bytes.
int staple_nothing(tls::SSL* ssl, void*) {
  void* const none = tls::openssl.CRYPTO_malloc(1, "", 0);
  tls::openssl.SSL_ctrl(ssl, tls::kCtrlSetStatusResponse, 0, none);
  return tls::kStatusOk;
}

std::shared_ptr<tls::Context> server(int version, const std::string& response) {
  auto options = server_options();
  options.max_version = version;
  options.ocsp_response = response;
  return context(options);
}

std::shared_ptr<tls::Context> client(bool requires_one = false) {
  auto options = client_options();
  options.requests_ocsp = true;
  options.requires_ocsp = requires_one;
  return context(options);
}

// Shakes hands; the client fails.
Pair refused(std::shared_ptr<tls::Context> of_server, std::shared_ptr<tls::Context> of_client) {
  Pair pair(std::move(of_server), std::move(of_client));
  pair.shake_hands();
  CHECK_EQUAL(pair.client.error, EPROTO);
  CHECK_EQUAL(pair.server.error, EPROTO);
  CHECK_EQUAL(pair.client.events & TlsFilter::kEstablished, 0U);
  return pair;
}

}  // namespace

TEST("bytes that are no response refuse the server, and it is told so") {
  CHECK(loaded);
  for (const int version : {tls::kVersion12, tls::kVersion13}) {
    const std::string no_answer("\x30\x03\x0a\x01\x03", 5);
    const std::string no_bytes("\x30\x03\x0a\x01\x00", 5);
    for (const auto& [response, staple] : {std::pair<std::string, Staple>{"response", Staple::kMalformed},
                                           {no_bytes, Staple::kMalformed},
                                           {no_answer + "x", Staple::kMalformed},
                                           {no_answer, Staple::kNoAnswer}}) {
      const Pair pair = refused(server(version, response), client());
      CHECK(pair.client.filter->failure().staple == staple);
      CHECK_EQUAL(pair.client.filter->failure().alert_sent, 113);
    }
  }
}

TEST("an empty response refuses the server") {
  for (const int version : {tls::kVersion12, tls::kVersion13}) {
    const auto of_server = server(version, "replaced");
    tls::openssl.SSL_CTX_callback_ctrl(of_server->get(), tls::kCtrlSetStatusCallback,
                                       reinterpret_cast<void (*)()>(staple_nothing));
    refused(of_server, client());
  }
}

TEST("no response is taken, unless one is required") {
  for (const int version : {tls::kVersion12, tls::kVersion13}) {
    Pair pair(server(version, ""), client());
    pair.shake_hands();
    CHECK(pair.client.filter->is_up());
    CHECK(pair.client.filter->failure().staple == Staple::kAbsent);
    CHECK(refused(server(version, ""), client(true)).client.filter->failure().staple == Staple::kMissing);
  }
}
