// TLS without sockets: handshakes, records, ends and refusals, between two filters.
#include <cerrno>
#include <ctime>
#include <set>

#include "test/tls_pair.h"
#include "tls/callbacks.h"
#include "tls/pkcs12.h"

namespace {

using namespace skein;
using namespace skein::test;
using tls::Fault;
using tls::TlsFilter;

const bool loaded = system_openssl().empty();

std::string text_of(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>('a' + i * 7 % 26);
  return text;
}

// The first of these sessions, in DER. They are freed.
std::string first_of(const std::vector<ssl_session_st*>& sessions) {
  unsigned char bytes[4096];
  unsigned char* end = bytes;
  const int length = sessions.empty() ? 0 : tls::openssl.i2d_SSL_SESSION(sessions.front(), &end);
  for (auto* one : sessions) tls::openssl.SSL_SESSION_free(one);
  return {reinterpret_cast<char*>(bytes), static_cast<std::size_t>(length)};
}

// Seals a session as if it were 100 seconds old.
int seal_old(tls::SSL* ssl, void*) {
  auto* const session = tls::openssl.SSL_get_session(ssl);
  tls::openssl.SSL_SESSION_set_time(session, tls::openssl.SSL_SESSION_get_time(session) - 100);
  return 1;
}

}  // namespace

TEST("this system has an OpenSSL for these tests") {
  CHECK_EQUAL(system_openssl(), "");
}

TEST("two ends shake hands, however the bytes are cut, and talk") {
  for (const int version : {tls::kVersion12, tls::kVersion13}) {
    for (const std::size_t segment : {1UL, 3UL, 100UL, 100'000UL}) {
      auto options = server_options();
      options.max_version = version;
      Pair pair(context(options), context(client_options()));
      pair.shake_hands(segment);
      CHECK_EQUAL(pair.client.events & TlsFilter::kEstablished, TlsFilter::kEstablished);
      CHECK_EQUAL(pair.server.events & TlsFilter::kEstablished, TlsFilter::kEstablished);
      CHECK_EQUAL(pair.server.filter->server_name(), "localhost");
      Pair::move(pair.client, pair.server, "question", segment);
      Pair::move(pair.server, pair.client, "answer", segment);
      CHECK_EQUAL(pair.server.plain, "question");
      CHECK_EQUAL(pair.client.plain, "answer");
    }
  }
}

TEST("a server makes nothing before a whole hello has come") {
  Pair pair(context(server_options()), context(client_options()));
  CHECK(pair.server.filter->ssl() == nullptr);
  std::vector<std::uint8_t> hello(Filter::kWireBytes);
  hello.resize(pair.client.filter->send({}, hello).produced);
  for (std::size_t i = 0; i < hello.size(); ++i) {
    CHECK(pair.server.filter->ssl() == nullptr);
    Pair::give(pair.server, std::string(1, static_cast<char>(hello[i])));
  }
  CHECK(pair.server.filter->ssl() != nullptr);
}

TEST("bytes arrive unchanged in both directions, of every size around a record's") {
  Pair pair(context(server_options()), context(client_options()));
  pair.shake_hands();
  for (const std::size_t size : {1UL, 4'999UL, 5'000UL, 5'001UL, 16'383UL, 16'384UL, 16'385UL, 300'000UL}) {
    const std::string text = text_of(size);
    Pair::move(pair.client, pair.server, text, 1'460);
    CHECK(std::exchange(pair.server.plain, {}) == text);
    Pair::move(pair.server, pair.client, text);
    CHECK(std::exchange(pair.client.plain, {}) == text);
  }
}

TEST("pieces that are written together share a record, and 16 KiB is the most of one") {
  Pair pair(context(server_options()), context(client_options()));
  pair.shake_hands();
  std::string pieces[] = {"a", text_of(300), "", text_of(20'000), "z"};
  Slice slices[5];
  std::string whole;
  for (int i = 0; i < 5; ++i) {
    slices[i] = {reinterpret_cast<std::uint8_t*>(pieces[i].data()), pieces[i].size()};
    whole += pieces[i];
  }
  std::vector<std::uint8_t> room(Filter::kWireBytes);
  const auto sent = pair.client.filter->send(slices, room);
  CHECK_EQUAL(sent.taken, whole.size());
  CHECK_EQUAL(pair.client.filter->records_sealed(), 2);
  Pair::give(pair.server, std::string(room.begin(), room.begin() + static_cast<std::ptrdiff_t>(sent.produced)));
  CHECK(pair.server.plain == whole);
}

TEST("what was written before the handshake's end waits for it") {
  Pair pair(context(server_options()), context(client_options()));
  std::string early = "early";
  std::vector<std::uint8_t> room(Filter::kWireBytes);
  const Slice slice{reinterpret_cast<std::uint8_t*>(early.data()), early.size()};
  const auto sent = pair.client.filter->send(std::span(&slice, 1), room);
  CHECK_EQUAL(sent.taken, 0);
  CHECK(sent.produced > 0);
  CHECK(!pair.client.filter->established());
}

TEST("an end that closes says so, once, and may still receive") {
  Pair pair(context(server_options()), context(client_options()));
  pair.shake_hands();
  pair.client.filter->close();
  CHECK(Pair::move(pair.client, pair.server) > 0);
  CHECK_EQUAL(Pair::move(pair.client, pair.server), 0);
  CHECK(pair.server.ended);
  Pair::move(pair.server, pair.client, "still");
  CHECK_EQUAL(pair.client.plain, "still");
  pair.server.filter->close();
  Pair::move(pair.server, pair.client);
  CHECK(pair.client.ended);
}

TEST("a socket that ends without close_notify is told as truncated, or as cut off during the handshake") {
  Pair pair(context(server_options()), context(client_options()));
  CHECK_EQUAL(pair.server.filter->truncated(), EPROTO);
  CHECK_EQUAL(pair.server.filter->failure().fault, Fault::kCut);
  pair.shake_hands();
  CHECK_EQUAL(pair.client.filter->truncated(), EPROTO);
  CHECK_EQUAL(pair.client.filter->failure().fault, Fault::kTruncated);
}

TEST("a client refuses a certificate for another name, of another authority, and says why") {
  struct Case {
    std::string name;
    const char* authority;
    long verify;
    int alert;
  };
  const Case cases[] = {
      {"localhost", kAuthority, 0, -1},       {"127.0.0.1", kAuthority, 0, -1},
      {"a.example.org", kAuthority, 0, -1},   {"a.b.example.org", kAuthority, 62, 42},
      {"example.org", kAuthority, 62, 42},    {"127.0.0.2", kAuthority, 64, 42},
      {"localhost", kOtherAuthority, 20, 48},
  };
  for (const Case& one : cases) {
    auto options = client_options();
    options.roots = roots(one.authority);
    Pair pair(context(server_options()), context(options), one.name);
    pair.shake_hands();
    set_context(one.name);
    CHECK_EQUAL(pair.client.filter->failure().verify, one.verify);
    CHECK_EQUAL(pair.client.filter->failure().alert_sent, one.alert);
    CHECK_EQUAL(pair.client.error, one.verify == 0 ? 0 : EPROTO);
    CHECK_EQUAL(pair.server.error, one.verify == 0 ? 0 : EPROTO);
    CHECK_EQUAL(pair.client.filter->established(), one.verify == 0);
  }
  set_context("");
}

TEST("a server that requires a client's certificate gets one that its authority has signed, or refuses") {
  const auto server = [] {
    auto options = server_options();
    options.roots = roots();
    options.peer = tls::PeerCertificate::kRequire;
    return context(options);
  };
  auto with = client_options();
  with.identities.push_back({kClientCertificate, der(kClientKey)});
  Pair pair(server(), context(with));
  pair.shake_hands();
  CHECK(pair.server.filter->established());
  Pair without(server(), context(client_options()));
  without.shake_hands();
  CHECK_EQUAL(without.server.error, EPROTO);
  CHECK_EQUAL(without.server.filter->failure().alert_sent, 116);
  // A server's certificate is no client's.
  auto wrong = client_options();
  wrong.identities.push_back({kServerCertificate, der(kServerKey)});
  Pair purpose(server(), context(wrong));
  purpose.shake_hands();
  CHECK_EQUAL(purpose.server.filter->failure().verify, 26);
}

TEST("a client that names another server gets its certificate") {
  auto second_options = server_options();
  second_options.identities = {{kSecondCertificate, der(kSecondKey)}};
  auto second = context(second_options);
  auto server = context(server_options());
  server->add_name("second.example", second);
  for (const std::string name : {"localhost", "second.example"}) {
    Pair pair(server, context(client_options()), name);
    pair.shake_hands();
    CHECK(pair.client.filter->established());
    CHECK_EQUAL(&pair.server.filter->context() == second.get(), name == "second.example");
  }
}

TEST("a server that asks takes nothing more before it was answered, and can be refused") {
  for (const int what : {0, 1, 2}) {
    auto server = context(server_options());
    server->asks = true;
    auto options = client_options();
    options.protocols = std::string("\2h2\3foo");
    Pair pair(server, context(options));
    pair.shake_hands();
    CHECK_EQUAL(pair.server.events, TlsFilter::kAsks);
    CHECK(pair.server.filter->waits());
    CHECK_EQUAL(pair.server.filter->hello()->protocols(), "\2h2\3foo");
    if (what == 0) pair.server.filter->answer(nullptr, "foo");
    if (what == 1) pair.server.filter->answer(nullptr, "bar");
    if (what == 2) pair.server.filter->refuse(112);
    CHECK_EQUAL(pair.server.filter->pending(), 1);
    Pair::give(pair.server, "");
    pair.shake_hands();
    CHECK_EQUAL(pair.server.filter->established(), what == 0);
    CHECK_EQUAL(pair.client.filter->established(), what == 0);
    if (what != 2) continue;
    CHECK_EQUAL(pair.server.filter->failure().fault, Fault::kRefused);
    CHECK_EQUAL(tls::openssl.ERR_peek_error(), 0);
    CHECK_EQUAL(pair.client.filter->failure().error & 0x7fffff, 1112);
  }
}

TEST("the server's order decides on the protocol, and none in common is refused") {
  auto options = server_options();
  options.protocols = std::string("\2h2\3foo");
  auto client = client_options();
  client.protocols = std::string("\3foo\2h2");
  Pair pair(context(options), context(client));
  pair.shake_hands();
  const unsigned char* protocol = nullptr;
  unsigned length = 0;
  tls::openssl.SSL_get0_alpn_selected(pair.client.filter->ssl(), &protocol, &length);
  CHECK_EQUAL(std::string(reinterpret_cast<const char*>(protocol), length), "h2");
  client.protocols = std::string("\3bar");
  Pair other(context(options), context(client));
  other.shake_hands();
  CHECK_EQUAL(other.server.filter->failure().alert_sent, 120);
}

TEST("what is no TLS is refused, and its beginning is kept for the message") {
  for (const std::string text : {"GET / HTTP/1.1\r\n\r\n", "SSH-2.0-OpenSSH_9\r\n", "EHLO example.org\r\n"}) {
    Pair pair(context(server_options()), context(client_options()));
    Pair::give(pair.server, text);
    CHECK_EQUAL(pair.server.error, EPROTO);
    CHECK_EQUAL(pair.server.filter->failure().beginning, text.substr(0, 15));
  }
}

TEST("a session is resumed by a ticket, and not where the context is another") {
  auto server = context(server_options());
  auto client = context(client_options());
  Pair first(server, client);
  first.shake_hands();
  CHECK_EQUAL(first.client.events & TlsFilter::kSession, TlsFilter::kSession);
  const auto sessions = first.client.filter->take_sessions();
  CHECK_EQUAL(sessions.size(), 2);
  const std::string session = first_of(sessions);
  Pair second(server, client, "localhost", session);
  second.shake_hands();
  CHECK_EQUAL(tls::openssl.SSL_session_reused(second.server.filter->ssl()), 1);
  Pair elsewhere(context(server_options()), client, "localhost", session);
  elsewhere.shake_hands();
  CHECK(elsewhere.client.filter->established());
  CHECK_EQUAL(tls::openssl.SSL_session_reused(elsewhere.server.filter->ssl()), 0);
}

TEST("even tickets are of one length, whatever numbers are in them, and resume as others do") {
  auto client = context(client_options());
  // Sealing rounds to 16 bytes, so that one byte more does not show in every session.
  for (std::size_t length = 1; length <= 16; ++length) {
    auto options = server_options();
    options.even_tickets = true;
    options.session_id_context = std::string(length, 'x');
    auto server = context(options);
    std::string session;
    for (const bool resumed : {false, true}) {
      std::set<std::size_t> lengths;
      for (int i = 0; i < 12; ++i) {
        Pair pair(server, client, "localhost", session);
        Pair::move(pair.client, pair.server);
        Pair::move(pair.server, pair.client);
        Pair::move(pair.client, pair.server);
        lengths.insert(Pair::move(pair.server, pair.client));
        CHECK_EQUAL(tls::openssl.SSL_session_reused(pair.server.filter->ssl()), resumed ? 1 : 0);
        if (resumed || i == 11) session = first_of(pair.client.filter->take_sessions());
      }
      CHECK_EQUAL(lengths.size(), 1);
    }
  }
}

TEST("a session that is sealed anew when it is resumed lasts no longer for it") {
  for (const int version : {tls::kVersion12, tls::kVersion13}) {
    auto options = server_options();
    options.max_version = version;
    options.session_seconds = 150;
    auto server = context(options);
    auto client = context(client_options());
    const auto set_callbacks = tls::openssl.SSL_CTX_set_session_ticket_cb;
    set_callbacks(server->get(), seal_old, tls::on_open_ticket, nullptr);
    Pair first(server, client);
    first.shake_hands();
    set_callbacks(server->get(), tls::on_seal_ticket, tls::on_open_ticket, nullptr);
    Pair second(server, client, "localhost", first_of(first.client.filter->take_sessions()));
    second.shake_hands();
    auto* const resumed = second.server.filter->ssl();
    CHECK_EQUAL(tls::openssl.SSL_session_reused(resumed), 1);
    const long age = std::time(nullptr) - tls::openssl.SSL_SESSION_get_time(tls::openssl.SSL_get_session(resumed));
    CHECK(age >= 100);
  }
}

TEST("a key of another certificate and nonsense are told by what they are, and a key is wiped") {
  struct Case {
    tls::Context::Identity identity;
    const char* what;
  };
  for (const Case& one : {Case{{kServerCertificate, der(kClientKey)}, "the private key"},
                          Case{{kServerCertificate, "nonsense"}, "the private key"},
                          Case{{"nonsense", der(kServerKey)}, "the certificate: there is none in the PEM"}}) {
    auto options = server_options();
    options.identities = {one.identity};
    tls::Refusal refusal;
    CHECK(tls::Context::make(options, refusal) == nullptr);
    CHECK_EQUAL(refusal.what, one.what);
    CHECK_EQUAL(options.identities[0].key, "");
    CHECK_EQUAL(tls::openssl.ERR_peek_error(), 0);
  }
}

TEST("of certificates that cannot all be read none is used") {
  const std::string broken = std::string(kAuthority).replace(100, 4, "!!!!");
  const std::string pem = std::string(kOtherAuthority) + broken + kAuthority;
  tls::Refusal refusal;
  tls::Roots::Options trusted;
  trusted.certificates = pem;
  CHECK(tls::Roots::make(trusted, refusal) == nullptr);
  CHECK_EQUAL(refusal.what, "a trusted certificate");
  auto options = server_options();
  options.identities = {{kServerCertificate + broken, der(kServerKey)}};
  CHECK(tls::Context::make(options, refusal) == nullptr);
  CHECK_EQUAL(refusal.what, "the certificate, or its chain");
  CHECK_EQUAL(tls::openssl.ERR_peek_error(), 0);
}

TEST("what is no PKCS#12 file is told so") {
  tls::Container container;
  tls::Refusal refusal;
  CHECK(!tls::open_pkcs12("nonsense", "", container, refusal));
  CHECK_EQUAL(refusal.what, "the PKCS#12 file");
  CHECK_EQUAL(tls::openssl.ERR_peek_error(), 0);
}
