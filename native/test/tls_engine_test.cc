// TLS over sockets, on every backend.
#include <algorithm>
#include <cerrno>
#include <vector>

#include "test/backends.h"
#include "test/peer.h"
#include "test/tls_pair.h"
#include "test/world.h"

namespace skein {

using test::bytes_of;
using test::client_options;
using test::Peer;
using test::server_options;
using test::World;
using tls::Fault;
using tls::TlsFilter;

namespace {

const bool loaded = test::system_openssl().empty();

std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 7 + i / 251);
  return text;
}

struct Secured : World {
  explicit Secured(const BackendEntry& backend, std::size_t records = 64) : World(backend, records) {
    listener = listen();
    CHECK(engine.set_filter_maker(listener, &maker));
  }

  Handle connect_secured(const std::string& name = "localhost") {
    const Handle client = connect();
    CHECK(engine.set_filter(client, std::make_unique<TlsFilter>(client_context, name, name, "")));
    return client;
  }

  TlsFilter& filter(Handle handle) { return *static_cast<TlsFilter*>(engine.filter(handle)); }
  bool up(Handle handle) { return (told[handle] & TlsFilter::kEstablished) != 0; }

  std::shared_ptr<tls::Context> server_context = test::context(server_options());
  std::shared_ptr<tls::Context> client_context = test::context(client_options());
  tls::TlsMaker maker{server_context};
  int listener = -1;
};

}  // namespace

TEST_ON_EACH_BACKEND("bytes cross TLS unchanged, both ways, also those that wait for the handshake") {
  Secured world(backend, 16);
  test::serve_echo(world);
  const Handle client = world.connect_secured();
  CHECK(world.run([&] { return world.fates[client].connected; }));
  const std::string text = pattern(1'500'000);
  for (std::size_t at = 0; at < text.size(); at += 100'000) {
    CHECK(world.engine.write(client, bytes_of(text.substr(at, 100'000))) > 0);
  }
  CHECK(world.run([&] { return world.fates[client].bytes.size() >= text.size(); }));
  CHECK(world.fates[client].bytes == text);
  CHECK(world.up(client));
  CHECK(world.up(world.accepted[0]));
}

TEST_ON_EACH_BACKEND("close() sends what was written, says so, and is no loss for the other end") {
  Secured world(backend);
  const Handle client = world.connect_secured();
  CHECK(world.run([&] { return world.up(client) && !world.accepted.empty() && world.up(world.accepted[0]); }));
  const std::string text = pattern(300'000);
  world.engine.write(client, bytes_of(text));
  world.engine.close(client);
  const Handle server = world.accepted[0];
  CHECK(world.run([&] { return world.fates[server].ended; }));
  CHECK(world.fates[server].bytes == text);
  CHECK(world.run([&] { return world.fates[client].closed; }));
  CHECK_EQUAL(world.fates[client].error, 0);
  world.engine.close(server);
  CHECK(world.run([&] { return world.fates[server].closed; }));
  CHECK_EQUAL(world.fates[server].error, 0);
}

TEST_ON_EACH_BACKEND("a refused certificate is told at both ends, and why is still there while the end is told") {
  Secured world(backend);
  long verify = 0;
  unsigned long received = 0;
  const Handle client = world.connect_secured("elsewhere.example");
  world.on_closed = [&](Handle handle) {
    if (handle == client) verify = world.filter(handle).failure().verify;
    if (handle != client) received = world.filter(handle).failure().error & 0x7fffff;
  };
  CHECK(world.run(
      [&] { return world.fates[client].closed && !world.accepted.empty() && world.fates[world.accepted[0]].closed; }));
  CHECK_EQUAL(world.fates[client].error, EPROTO);
  CHECK_EQUAL(verify, 62);
  CHECK_EQUAL(world.fates[world.accepted[0]].error, EPROTO);
  CHECK_EQUAL(received, 1042);
}

TEST_ON_EACH_BACKEND("a connection that has not shaken hands may be asked about, answered later, and go meanwhile") {
  Secured world(backend);
  world.server_context->asks = true;
  const Handle client = world.connect_secured();
  CHECK(world.run([&] { return !world.accepted.empty() && world.told[world.accepted[0]] == TlsFilter::kAsks; }));
  world.turns(3);
  CHECK(!world.up(client));
  const Handle server = world.accepted[0];
  world.filter(server).answer(nullptr, "");
  world.engine.resume_filter(server);
  CHECK(world.run([&] { return world.up(client) && world.up(server); }));
  world.accepted.clear();
  const Handle gone = world.connect_secured();
  CHECK(world.run([&] { return !world.accepted.empty() && world.told[world.accepted[0]] == TlsFilter::kAsks; }));
  world.engine.close(gone);
  CHECK(world.run([&] { return world.fates[world.accepted[0]].closed; }));
  CHECK_EQUAL(world.fates[world.accepted[0]].error, EPROTO);
}

TEST_ON_EACH_BACKEND("plaintext turns to TLS in mid-stream, and what was written before stays plain") {
  World world(backend);
  const int listener = world.listen();
  CHECK(listener >= 0);
  auto server_context = test::context(server_options());
  auto client_context = test::context(client_options());
  const Handle client = world.connect();
  CHECK(world.run([&] { return world.fates[client].connected && !world.accepted.empty(); }));
  const Handle server = world.accepted[0];
  world.on_data = [&](Handle handle, std::span<const std::uint8_t>) {
    if (handle == server && world.fates[server].bytes == "STARTTLS\r\n") {
      world.engine.write(server, bytes_of("220 go ahead\r\n"));
      CHECK(world.engine.set_filter(server, std::make_unique<TlsFilter>(server_context)));
    } else if (handle == client && world.fates[client].bytes == "220 go ahead\r\n") {
      CHECK(world.engine.set_filter(client, std::make_unique<TlsFilter>(client_context, "localhost", "localhost", "")));
      world.engine.write(client, bytes_of("secret"));
    }
  };
  world.engine.write(client, bytes_of("STARTTLS\r\n"));
  CHECK(world.run([&] { return world.fates[server].bytes == "STARTTLS\r\nsecret"; }));
}

namespace {

// Can seal nothing more once it was told to: it says its last words in the same call, or has none.
class Unsealing final : public Filter {
 public:
  explicit Unsealing(std::string words) : words_(std::move(words)) {}
  Received receive(std::span<const std::uint8_t> wire, std::span<std::uint8_t>) override { return {wire.size()}; }
  std::size_t pending() const override { return 0; }
  Sent send(std::span<const Slice> plain, std::span<std::uint8_t> wire) override {
    Sent result;
    if (plain.empty() && !closing_) return result;
    result.error = EPROTO;
    result.produced = words_.size();
    std::copy(words_.begin(), words_.end(), wire.begin());
    words_.clear();
    return result;
  }
  std::size_t unsent() const override { return words_.size(); }
  bool established() const override { return true; }
  void close() override { closing_ = true; }
  int truncated() override { return 0; }

 private:
  std::string words_;
  bool closing_ = false;
};

}  // namespace

TEST_ON_EACH_BACKEND("what a filter says in the call in which it fails is sent") {
  World world(backend);
  CHECK(world.listen() >= 0);
  Peer peer(world.port);
  CHECK(world.run([&] { return !world.accepted.empty(); }));
  const Handle server = world.accepted[0];
  CHECK(world.engine.set_filter(server, std::make_unique<Unsealing>("last words")));
  world.engine.write(server, bytes_of("text"));
  CHECK(world.run([&] { return world.fates[server].closed; }));
  CHECK_EQUAL(world.fates[server].error, EPROTO);
  world.turns(3);
  CHECK_EQUAL(peer.hear(10), "last words");
}

TEST_ON_EACH_BACKEND("nothing is told of a connection whose filter fails when it is to end") {
  World world(backend);
  CHECK(world.listen() >= 0);
  Peer peer(world.port);
  CHECK(world.run([&] { return !world.accepted.empty(); }));
  const Handle server = world.accepted[0];
  CHECK(world.engine.set_filter(server, std::make_unique<Unsealing>("")));
  world.engine.notify_drain(server, true);
  world.engine.shutdown_write(server);
  CHECK(world.run([&] { return world.fates[server].closed; }));
  world.turns(3);
  CHECK_EQUAL(world.fates[server].error, EPROTO);
  CHECK(!world.fates[server].shut);
}

TEST_ON_EACH_BACKEND("a socket that ends without a word of TLS's is an error") {
  Secured world(backend);
  {
    Peer peer(world.port);
    CHECK(world.run([&] { return !world.accepted.empty(); }));
  }
  const Handle server = world.accepted[0];
  CHECK(world.run([&] { return world.fates[server].closed; }));
  CHECK_EQUAL(world.fates[server].error, EPROTO);
}

TEST_ON_EACH_BACKEND("a turn does a few handshakes, and the others in the next ones") {
  constexpr int kClients = 40;
  Secured world(backend, 256);
  std::vector<Handle> clients;
  for (int i = 0; i < kClients; ++i) clients.push_back(world.connect_secured());
  const auto established = [&] {
    int count = 0;
    for (const auto& [handle, events] : world.told) count += (events & TlsFilter::kEstablished) != 0 ? 1 : 0;
    return count;
  };
  int most = 0;
  int before = 0;
  CHECK(world.run([&] {
    const int now = established();
    most = std::max(most, now - before);
    before = now;
    return now == 2 * kClients;
  }));
  // Four of them are shaken a turn; another settles between two looks at most.
  CHECK(most > 0 && most <= 8);
}

}  // namespace skein
