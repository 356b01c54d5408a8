// TLS with peers that do what OpenSSL's own do not do by themselves: floods, messages cut in two, ends at odd moments.
#include <cerrno>

#include "test/tls_sealer.h"

namespace {

using namespace skein;
using namespace skein::test;
using tls::Fault;
using tls::openssl;
using tls::TlsFilter;

const bool loaded = system_openssl().empty();

void update_keys(End& end) {
  CHECK_EQUAL(openssl_function<int(tls::SSL*, int)>("SSL_key_update")(end.filter->ssl(), 1), 1);
}

// What the end has to say, one string a record.
std::vector<std::string> records_of(End& from, const std::string& text = "") {
  std::string wire = Pair::take(from, text);
  std::vector<std::string> records;
  while (wire.size() >= 5) {
    const std::size_t length =
        static_cast<std::size_t>(static_cast<std::uint8_t>(wire[3])) << 8 | static_cast<std::uint8_t>(wire[4]);
    records.push_back(wire.substr(0, 5 + length));
    wire.erase(0, 5 + length);
  }
  CHECK_EQUAL(wire, "");
  return records;
}

tls::Context::Options old_server() {
  auto options = server_options();
  options.max_version = tls::kVersion12;
  return options;
}

}  // namespace

TEST("a peer that has sent half of a message may be written to when the other half has come") {
  auto server = server_options();
  server.roots = roots();
  server.peer = tls::PeerCertificate::kRequire;
  auto client = client_options();
  client.identities.push_back({kClientCertificate, der(kClientKey)});
  Pair pair(context(server), context(client));
  // Tickets with a client's certificate are larger than the smallest records.
  Pair::move(pair.client, pair.server);
  constexpr int kCtrlSetMaxSendFragment = 52;
  openssl.SSL_ctrl(pair.server.filter->ssl(), kCtrlSetMaxSendFragment, 512, nullptr);
  Pair::move(pair.server, pair.client);
  Pair::move(pair.client, pair.server);
  const auto tickets = records_of(pair.server);
  CHECK(tickets.size() >= 4);
  CHECK(pair.client.filter->established());
  Pair::give(pair.client, tickets[0]);
  CHECK(!pair.client.filter->established());
  CHECK_EQUAL(Pair::move(pair.client, pair.server, "early"), 0);
  CHECK_EQUAL(pair.client.error, 0);
  for (std::size_t i = 1; i < tickets.size(); ++i) Pair::give(pair.client, tickets[i]);
  CHECK(pair.client.filter->established());
  Pair::move(pair.client, pair.server, "late");
  CHECK_EQUAL(pair.server.plain, "late");
  CHECK_EQUAL(pair.client.error, 0);
}

TEST("a peer that does nothing but update keys is lost, and one that sends data between is not") {
  for (const bool talks : {true, false}) {
    Pair pair(context(server_options()), context(client_options()));
    pair.shake_hands();
    for (int i = 0; i < 100; ++i) {
      update_keys(pair.client);
      // An update goes with the next record.
      Pair::move(pair.client, pair.server, talks ? "x" : "");
      if (!talks) openssl.SSL_do_handshake(pair.client.filter->ssl());
    }
    CHECK_EQUAL(pair.server.error, talks ? 0 : EPROTO);
    CHECK_EQUAL(pair.server.filter->failure().fault, talks ? Fault::kNone : Fault::kFlood);
    CHECK(pair.server.filter->unsent() <= Filter::kOwnMost);
  }
}

// Records by which a client may keep a server busy for nothing.
struct Flood {
  const char* name;
  int version;
  char type;
  std::string content;
};

TEST("records without data are borne for a while, and lose the connection when nothing else comes") {
  const std::string hello("\1\0\0\6\3\3\0\0\0\0", 10);
  const Flood floods[] = {
      {"renegotiation", tls::kVersion12, Sealer::kHandshake, hello},
      {"empty records", tls::kVersion12, Sealer::kData, ""},
      {"empty records", tls::kVersion13, Sealer::kData, ""},
      {"warnings", tls::kVersion12, Sealer::kAlert, std::string("\1\x5a", 2)},
      {"user_canceled", tls::kVersion13, Sealer::kAlert, std::string("\1\x5a", 2)},
      {"key updates", tls::kVersion13, Sealer::kHandshake, std::string("\x18\0\0\1\0", 5)},
  };
  for (const Flood& flood : floods) {
    set_context(flood.name);
    Pair pair(context(server_options()), context(sealable(flood.version)));
    pair.shake_hands();
    Sealer sealer(pair.client, flood.version);
    Pair::give(pair.server, sealer.seal(Sealer::kData, "first"));
    CHECK_EQUAL(pair.server.plain, "first");
    Pair::give(pair.server, sealer.seal(flood.type, flood.content));
    CHECK_EQUAL(pair.server.error, 0);
    CHECK_EQUAL(pair.server.filter->failure().alert_sent, -1);
    // Its keys are not those of the sealer any more.
    if (flood.content.starts_with('\x18')) continue;
    Pair::give(pair.server, sealer.seal(Sealer::kData, "second"));
    CHECK_EQUAL(pair.server.plain, "firstsecond");
    int borne = 0;
    while (pair.server.error == 0 && borne < 100) {
      Pair::give(pair.server, sealer.seal(flood.type, flood.content));
      ++borne;
    }
    CHECK_EQUAL(pair.server.error, EPROTO);
    CHECK(borne <= 33);
    CHECK(pair.server.filter->held() < 4096);
  }
  set_context("");
}

TEST("records of one byte are as good as others") {
  for (const int version : {tls::kVersion12, tls::kVersion13}) {
    Pair pair(context(server_options()), context(sealable(version)));
    pair.shake_hands();
    Sealer sealer(pair.client, version);
    std::string wire;
    std::string text;
    for (int i = 0; i < 2'000; ++i) {
      text += static_cast<char>('a' + i % 26);
      wire += sealer.seal(Sealer::kData, std::string(1, text.back()));
    }
    Pair::give(pair.server, wire);
    CHECK(pair.server.plain == text);
    CHECK_EQUAL(pair.server.error, 0);
    CHECK_EQUAL(pair.server.filter->held(), 0);
  }
}

TEST("a server that asks for renegotiation is refused, and lost when it does nothing else") {
  Pair pair(context(old_server()), context(client_options()));
  pair.shake_hands();
  auto* const server = pair.server.filter->ssl();
  openssl_function<std::uint64_t(tls::SSL*, std::uint64_t)>("SSL_clear_options")(server, tls::kOptionNoRenegotiation);
  auto* const renegotiate = openssl_function<int(tls::SSL*)>("SSL_renegotiate");
  for (int i = 0; i < 100 && pair.client.error == 0; ++i) {
    CHECK_EQUAL(renegotiate(server), 1);
    openssl.SSL_do_handshake(server);
    openssl.ERR_clear_error();
    Pair::move(pair.server, pair.client);
  }
  CHECK_EQUAL(pair.client.filter->failure().fault, Fault::kFlood);
  CHECK(pair.client.filter->held() < 4096);
}

TEST("a peer that closes during the handshake has cut it off") {
  Pair pair(context(old_server()), context(client_options()));
  Pair::move(pair.client, pair.server);
  const std::string close_notify("\x15\x03\x03\x00\x02\x01\x00", 7);
  Pair::give(pair.server, close_notify);
  CHECK_EQUAL(pair.server.error, EPROTO);
  CHECK_EQUAL(pair.server.filter->failure().fault, Fault::kCut);
}

TEST("only a fatal alert is one that was sent for a failure") {
  Pair pair(context(server_options()), context(client_options()));
  pair.shake_hands();
  pair.client.filter->close();
  Pair::move(pair.client, pair.server);
  CHECK_EQUAL(pair.client.filter->failure().alert_sent, -1);
}

TEST("a connection that is up holds no bytes of its handshake") {
  for (const int version : {tls::kVersion12, tls::kVersion13}) {
    auto options = server_options();
    options.max_version = version;
    Pair pair(context(options), context(client_options()));
    CHECK_EQUAL(pair.server.filter->held(), 0);
    pair.shake_hands();
    CHECK_EQUAL(pair.server.filter->held(), 0);
    CHECK_EQUAL(pair.client.filter->held(), 0);
  }
}

TEST("a client that sends its hello byte by byte costs 4 KiB, or what it has announced") {
  struct Case {
    std::size_t message;
    std::size_t record;
  };
  for (const Case& one : {Case{500, 16'000}, Case{500, 1}, Case{3'000, 100}, Case{16'000, 16'000}, Case{16'000, 50}}) {
    Pair pair(context(server_options()), context(client_options()));
    std::string message{1, 0};
    message += static_cast<char>(one.message >> 8);
    message += static_cast<char>(one.message & 0xff);
    message.append(one.message, 'x');
    std::string wire;
    for (std::size_t at = 0; at < message.size(); at += one.record) {
      const std::string part = message.substr(at, one.record);
      wire += std::string{22, 3, 1, static_cast<char>(part.size() >> 8), static_cast<char>(part.size() & 0xff)} + part;
    }
    std::size_t most = 0;
    for (const char byte : wire.substr(0, wire.size() - 1)) {
      Pair::give(pair.server, std::string(1, byte));
      most = std::max(most, pair.server.filter->held());
      CHECK(pair.server.filter->ssl() == nullptr);
    }
    set_context(std::to_string(one.message) + " in records of " + std::to_string(one.record));
    CHECK(most <= 4096 + wire.size());
    if (wire.size() > 4096) CHECK(most <= wire.size() + 16);
    set_context("");
    // Nobody is believed.
    Pair liar(context(server_options()), context(client_options()));
    Pair::give(liar.server, wire.substr(0, 9));
    CHECK(liar.server.filter->held() <= 4096);
  }
}

TEST("protocols that are no list are refused") {
  for (const std::string& protocols :
       {std::string("\2h"), std::string("\0h2", 3), std::string("h2"), std::string("\2h2\1")}) {
    for (const bool server : {true, false}) {
      auto options = server ? server_options() : client_options();
      options.protocols = protocols;
      tls::Refusal refusal;
      CHECK(tls::Context::make(options, refusal) == nullptr);
      CHECK_EQUAL(refusal.what, "the protocols");
    }
  }
}

TEST("of the sessions that a server offers, the latest few are kept") {
  Pair pair(context(server_options()), context(client_options()));
  pair.shake_hands();
  auto* const new_ticket = openssl_function<int(tls::SSL*)>("SSL_new_session_ticket");
  for (int i = 0; i < 100; ++i) {
    new_ticket(pair.server.filter->ssl());
    Pair::move(pair.server, pair.client, "x");
  }
  CHECK_EQUAL(pair.client.error, 0);
  CHECK(pair.client.plain.size() == 100);
  const auto sessions = pair.client.filter->take_sessions();
  CHECK(sessions.size() >= 2 && sessions.size() <= 8);
  for (auto* one : sessions) openssl.SSL_SESSION_free(one);
}
