// Connections with a filter, over a toy of one (record_filter.h), on every backend.
#include "engine/filter.h"

#include <cerrno>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "test/backends.h"
#include "test/calls.h"
#include "test/peer.h"
#include "test/record_filter.h"
#include "test/world.h"

namespace skein {

using test::bytes_of;
using test::Peer;
using test::RecordFilter;
using test::RecordFilters;
using test::World;

namespace {

std::string record(char kind, const std::string& payload) {
  return RecordFilter::record(kind, payload);
}

// Every byte differs from its neighbours, so that what is lost, doubled or moved shows.
std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * 7 + i / 251);
  return text;
}

// A listener whose connections are filtered.
struct Filtered : World {
  explicit Filtered(const BackendEntry& backend, std::size_t records = 64) : World(backend, records) {
    listener = listen();
    CHECK(engine.set_filter_maker(listener, &filters));
  }

  // And one of ours to it.
  Handle connect_filtered() {
    const Handle client = connect();
    auto filter = std::make_unique<RecordFilter>();
    sealer = filter.get();
    CHECK(engine.set_filter(client, std::move(filter)));
    CHECK(run([&] { return fates[client].connected && !accepted.empty(); }));
    return client;
  }

  // A peer that has said and heard hello.
  Peer greeted() {
    Peer peer(port);
    peer.say(record('H', "hello"));
    CHECK(run([&] { return !accepted.empty(); }));
    turns(3);
    CHECK_EQUAL(peer.hear(record('H', "hello").size()), record('H', "hello"));
    return peer;
  }

  RecordFilters filters;
  RecordFilter* sealer = nullptr;  // of the latest connect_filtered()
  int listener = -1;
};

}  // namespace

TEST_ON_EACH_BACKEND(
    "bytes come out of a filter as they went in, in both directions, also those that wait for its handshake") {
  Filtered world(backend, 16);
  test::serve_echo(world);
  const Handle client = world.connect();
  CHECK(world.engine.set_filter(client, std::make_unique<RecordFilter>()));
  CHECK(world.run([&] { return world.fates[client].connected; }));
  const std::string text = pattern(1'500'000);
  for (std::size_t at = 0; at < text.size(); at += 100'000) {
    CHECK(world.engine.write(client, bytes_of(text.substr(at, 100'000))) > 0);
  }
  CHECK(world.run([&] { return world.fates[client].bytes.size() >= text.size(); }));
  CHECK(world.fates[client].bytes == text);
}

TEST_ON_EACH_BACKEND("many small writes of a turn leave as one record, and large ones are split") {
  Filtered world(backend);
  const Handle client = world.connect_filtered();
  world.turns(3);
  for (const char* piece : {"four", " small", " writes", "!"}) world.engine.write(client, bytes_of(piece));
  CHECK(world.run([&] { return world.fates[world.accepted[0]].bytes == "four small writes!"; }));
  CHECK_EQUAL(world.sealer->data_records, 1);
  const std::string text = pattern(2 * RecordFilter::kPlainMost + 1);
  world.engine.write(client, bytes_of(text));
  CHECK(world.run([&] { return world.fates[world.accepted[0]].bytes.size() == 18 + text.size(); }));
  CHECK_EQUAL(world.fates[world.accepted[0]].bytes.substr(18), text);
  CHECK(world.sealer->data_records >= 4);
}

TEST_ON_EACH_BACKEND("a filter speaks before any application data, and hears although the program does not read") {
  Filtered world(backend);
  Peer peer(world.port);
  CHECK(world.run([&] { return world.accepted.size() == 1; }));
  world.engine.pause_reading(world.accepted[0]);
  world.turns(3);
  CHECK_EQUAL(peer.hear(record('H', "hello").size()), record('H', "hello"));
  world.engine.write(world.accepted[0], bytes_of("early"));
  peer.say(record('H', "hello"));
  world.turns(3);
  CHECK_EQUAL(peer.hear(record('D', "early").size()), record('D', "early"));
}

TEST_ON_EACH_BACKEND("a record that comes byte by byte is one, and two that come together are two") {
  Filtered world(backend);
  Peer peer = world.greeted();
  const Handle server = world.accepted[0];
  for (const char byte : record('D', "slow")) {
    peer.say(std::string(1, byte));
    world.turns(1);
  }
  peer.say(record('D', "fast") + record('D', "er"));
  CHECK(world.run([&] { return world.fates[server].bytes == "slowfaster"; }));
}

TEST_ON_EACH_BACKEND("what has come while the program paused is kept, and told on resuming, without the peer's help") {
  // So few completions that the program runs, and pauses, in the middle of what one receive has brought.
  Filtered world(backend, 4);
  Peer peer = world.greeted();
  const Handle server = world.accepted[0];
  world.on_data = [&](Handle handle, std::span<const std::uint8_t>) { world.engine.pause_reading(handle); };
  const std::string text = pattern(90'000);
  std::string wire;
  for (std::size_t at = 0; at < text.size(); at += 1000) wire += record('D', text.substr(at, 1000));
  peer.say(wire + record('C', ""));
  peer.end();
  for (int rounds = 0; rounds < 400 && !world.fates[server].ended; ++rounds) {
    const std::size_t before = world.fates[server].bytes.size();
    world.turns(2);
    // Nothing comes while it is paused, beyond what was told together.
    const std::size_t told = world.fates[server].bytes.size();
    world.turns(2);
    CHECK_EQUAL(world.fates[server].bytes.size(), told);
    CHECK(told >= before);
    world.engine.resume_reading(server);
  }
  CHECK_EQUAL(world.fates[server].bytes, text);
  CHECK(world.fates[server].ended && !world.fates[server].closed);
}

TEST_ON_EACH_BACKEND("a connection that is paused in the middle of its own receive keeps what was received") {
  constexpr std::size_t kPeers = 12;
  Filtered world(backend, 4);
  std::vector<Peer> peers;
  while (peers.size() < kPeers) peers.push_back(world.greeted());
  CHECK(world.run([&] { return world.accepted.size() == kPeers; }));
  // There are completions for a few: the program pauses all while the others receive.
  world.on_data = [&](Handle, std::span<const std::uint8_t>) {
    for (const Handle server : world.accepted) world.engine.pause_reading(server);
  };
  const std::string text = pattern(20'000);
  for (Peer& peer : peers) peer.say(record('D', text.substr(0, 10'000)) + record('D', text.substr(10'000)));
  CHECK(world.run([&] {
    bool all = true;
    for (const Handle server : world.accepted) {
      world.engine.resume_reading(server);
      all = all && world.fates[server].bytes.size() >= text.size();
    }
    return all;
  }));
  for (const Handle server : world.accepted) CHECK(world.fates[server].bytes == text);
}

TEST_ON_EACH_BACKEND("a slow reader gets everything, and its peer is held up meanwhile") {
  Filtered world(backend);
  Peer peer = world.greeted();
  const Handle server = world.accepted[0];
  const std::string text = pattern(8'000'000);
  world.engine.write(server, bytes_of(text));
  world.turns(3);
  CHECK(world.engine.write(server, {}) > 0);
  RecordFilter other;
  std::string plain;
  std::string wire = record('H', "hello");
  for (int i = 0; i < 20'000 && plain.size() < text.size(); ++i) {
    std::vector<std::uint8_t> opened(wire.size() + RecordFilter::kPlainMost);
    const Filter::Received got = other.receive(bytes_of(wire), opened);
    CHECK_EQUAL(got.taken, wire.size());
    plain.append(reinterpret_cast<const char*>(opened.data()), got.produced);
    world.turns(1);
    wire = peer.hear_some(1 << 20);
  }
  CHECK(plain == text);
  CHECK(world.run([&] { return world.engine.write(server, {}) == 0; }));
}

TEST_ON_EACH_BACKEND(
    "half-closing sends the closing record and FIN after what was written, and the other way stays open") {
  Filtered world(backend);
  const Handle client = world.connect_filtered();
  const Handle server = world.accepted[0];
  world.engine.write(client, bytes_of("last words"));
  world.engine.shutdown_write(client);
  CHECK(world.run([&] { return world.fates[client].shut && world.fates[server].ended; }));
  CHECK_EQUAL(world.fates[server].bytes, std::string("last words"));
  CHECK_EQUAL(world.engine.write(client, bytes_of("too late")), -1);
  world.engine.write(server, bytes_of("heard"));
  CHECK(world.run([&] { return world.fates[client].bytes == "heard"; }));
  world.engine.close(server);
  CHECK(world.run([&] { return world.fates[client].ended && world.fates[server].closed; }));
  CHECK_EQUAL(world.fates[server].error, 0);
  world.engine.close(client);
  CHECK(world.run([&] { return world.fates[client].closed && world.engine.stats().lingering == 0; }));
  CHECK_EQUAL(world.fates[client].error, 0);
}

TEST_ON_EACH_BACKEND(
    "closing sends everything and the closing record, also before the handshake is over, and lingers for the peer") {
  Filtered world(backend);
  Peer peer(world.port);
  CHECK(world.run([&] { return world.accepted.size() == 1; }));
  const Handle server = world.accepted[0];
  world.engine.write(server, bytes_of("parting"));
  world.engine.close(server);
  world.turns(3);
  CHECK(!world.fates[server].closed);
  peer.say(record('H', "hello") + record('D', "unheard"));
  CHECK(world.run([&] { return world.fates[server].closed; }));
  CHECK_EQUAL(world.fates[server].error, 0);
  CHECK_EQUAL(world.fates[server].bytes, std::string());
  const std::string expected = record('H', "hello") + record('D', "parting") + record('C', "");
  CHECK_EQUAL(peer.hear(expected.size() + 1), expected);
  CHECK_EQUAL(world.engine.stats().lingering, 1);
  peer.say("junk that nobody reads");
  peer.end();
  CHECK(world.run([&] { return world.engine.stats().lingering == 0; }));
}

TEST_ON_EACH_BACKEND("aborting resets, whatever the filter holds") {
  for (const bool greeted : {false, true}) {
    Filtered world(backend);
    Peer peer(world.port);
    if (greeted) peer.say(record('H', "hello"));
    CHECK(world.run([&] { return world.accepted.size() == 1; }));
    world.turns(2);
    world.engine.write(world.accepted[0], bytes_of(pattern(3'000'000)));
    world.engine.abort(world.accepted[0]);
    CHECK(world.run([&] { return world.fates[world.accepted[0]].closed; }));
    CHECK_EQUAL(world.fates[world.accepted[0]].error, 0);
    CHECK_EQUAL(peer.hear_end(), ECONNRESET);
  }
}

TEST_ON_EACH_BACKEND(
    "a reset behind the peer's closing record is told at once where a plain connection's is behind its FIN") {
  const std::string_view name = backend.name;
  if (name != "epoll" && name != "poll" && name != test::SendsLater::kName) return;
  for (const bool half_closed : {false, true}) {
    Filtered world(backend);
    Peer peer = world.greeted();
    const Handle server = world.accepted[0];
    peer.say(record('C', ""));
    CHECK(world.run([&] { return world.fates[server].ended; }));
    if (half_closed) {
      world.engine.shutdown_write(server);
      CHECK(world.run([&] { return world.fates[server].shut; }));
    }
    peer.reset();
    world.turns(10);
    // What the peer answers our closing record with is no loss: both have said that nothing follows.
    CHECK_EQUAL(world.fates[server].closed, !half_closed);
    CHECK_EQUAL(world.fates[server].error, half_closed ? 0 : ECONNRESET);
    world.engine.close(server);
    world.turns(3);
    CHECK_EQUAL(world.fates[server].error, half_closed ? 0 : ECONNRESET);
  }
}

TEST_ON_EACH_BACKEND("a FIN without a closing record is an error, after what came before it") {
  Filtered world(backend);
  Peer peer = world.greeted();
  const Handle server = world.accepted[0];
  peer.say(record('D', "cut") + record('D', "off").substr(0, 7));
  peer.end();
  CHECK(world.run([&] { return world.fates[server].closed; }));
  CHECK_EQUAL(world.fates[server].bytes, std::string("cut"));
  CHECK(!world.fates[server].ended);
  CHECK_EQUAL(world.fates[server].error, EPIPE);
}

TEST_ON_EACH_BACKEND("a broken record fails the connection, and the peer hears why, though it still sends") {
  for (const bool handshaken : {false, true}) {
    Filtered world(backend);
    Peer peer(world.port);
    const std::string hello = record('H', "hello");
    std::string broken = record('D', "broken");
    broken.back() = static_cast<char>(broken.back() + 1);
    peer.say((handshaken ? hello : std::string()) + broken + pattern(200'000));
    CHECK(world.run([&] { return world.accepted.size() == 1 && world.fates[world.accepted[0]].closed; }));
    CHECK_EQUAL(world.fates[world.accepted[0]].error, EBADMSG);
    CHECK_EQUAL(world.fates[world.accepted[0]].bytes, std::string());
    const std::string expected = hello + record('A', "bad record");
    world.turns(10);
    CHECK_EQUAL(peer.hear(expected.size() + 1), expected);
    peer.end();
    CHECK(world.run([&] { return world.engine.stats().lingering == 0; }));
  }
}

TEST_ON_EACH_BACKEND("what a filter says last reaches a peer that was not reading, behind what the kernel held back") {
  Filtered world(backend);
  Peer peer = world.greeted();
  const Handle server = world.accepted[0];
  world.engine.write(server, bytes_of(pattern(8'000'000)));
  world.turns(3);
  peer.say("no record at all, but enough bytes for the header of one, and for what it says, too");
  peer.say(std::string(1 << 16, 'x'));
  CHECK(world.run([&] { return world.fates[server].closed; }));
  CHECK_EQUAL(world.fates[server].error, EBADMSG);
  const std::string alert = record('A', "bad record");
  std::string heard;
  for (int i = 0; i < 4000; ++i) {
    const std::string more = peer.hear_some(1 << 16);
    heard += more;
    if (heard.size() >= alert.size() && heard.substr(heard.size() - alert.size()) == alert) break;
    world.turns(1);
  }
  CHECK_EQUAL(heard.substr(heard.size() - std::min(heard.size(), alert.size())), alert);
}

TEST_ON_EACH_BACKEND("a peer that makes the filter answer and reads nothing is held up, and goes on when it reads") {
  Filtered world(backend);
  Peer peer = world.greeted();
  const Handle server = world.accepted[0];
  const std::string ping = record('P', std::string(1000, 'p'));
  std::string pings;
  for (int i = 0; i < 64; ++i) pings += ping;
  // Until nothing is taken any more.
  std::size_t said = 0;
  for (int idle = 0; idle < 5;) {
    const std::size_t taken = peer.say_some(std::string_view(pings).substr(said % pings.size()));
    said += taken;
    idle = taken == 0 ? idle + 1 : 0;
    world.turns(1);
    CHECK(world.filters.latest->unsent() <= Filter::kOwnMost + 2 * 32 * 1024);
    if (!CHECK(said < 64'000'000)) return;
  }
  std::size_t heard = 0;
  const std::size_t whole = said - said % ping.size();
  for (int i = 0; i < 20'000 && heard < whole; ++i) {
    heard += peer.hear_some(1 << 20).size();
    world.turns(1);
  }
  CHECK_EQUAL(heard, whole);
  peer.say(ping.substr(said % ping.size()) + record('D', "at last"));
  CHECK(world.run([&] { return world.fates[server].bytes == "at last"; }));
}

TEST_ON_EACH_BACKEND("a filter that is set later takes what follows, and what was written before goes out plain") {
  World world(backend);
  const int listener = world.listen();
  Peer peer(world.port);
  CHECK(world.run([&] { return world.accepted.size() == 1; }));
  const Handle server = world.accepted[0];
  peer.say("STARTTLS");
  CHECK(world.run([&] { return world.fates[server].bytes == "STARTTLS"; }));
  world.engine.write(server, bytes_of("go"));
  CHECK(world.engine.set_filter(server, std::make_unique<RecordFilter>()));
  CHECK(!world.engine.set_filter(server, std::make_unique<RecordFilter>()));
  CHECK(!world.engine.set_filter(listener, std::make_unique<RecordFilter>()));
  world.engine.write(server, bytes_of("sealed"));
  world.turns(3);
  CHECK_EQUAL(peer.hear(2), std::string("go"));
  peer.say(record('H', "hello") + record('D', "secret"));
  CHECK(world.run([&] { return world.fates[server].bytes == "STARTTLSsecret"; }));
  world.turns(2);
  const std::string expected = record('H', "hello") + record('D', "sealed");
  CHECK_EQUAL(peer.hear(expected.size()), expected);
}

TEST_ON_EACH_BACKEND("an engine that goes takes its filters along, in whatever state they are") {
  Filtered world(backend);
  test::serve_echo(world);
  std::vector<Peer> peers;
  for (int i = 0; i < 12; ++i) {
    peers.emplace_back(world.port);
    if (i % 2 == 0) peers.back().say(record('H', "hello"));
    if (i % 3 == 0) peers.back().say(record('D', pattern(5000)).substr(0, 3000));
  }
  CHECK(world.run([&] { return world.accepted.size() == 12; }));
  for (std::size_t i = 0; i < 12; i += 4) world.engine.write(world.accepted[i], bytes_of(pattern(1'000'000)));
  for (std::size_t i = 1; i < 12; i += 4) world.engine.close(world.accepted[i]);
  world.turns(2);
}

}  // namespace skein
