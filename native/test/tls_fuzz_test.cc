// TLS under mutated bytes: two honest ends, and between them somebody who changes what one of them hears. Whatever that
// is, the victim neither crashes nor hangs, fails at most once, hears nothing that was not said, holds little memory,
// and leaves no error in OpenSSL's queue. Under sanitizers also: nothing is leaked.
#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "test/tls_pair.h"
#include "test/volume.h"

namespace {

using namespace skein;
using namespace skein::test;
using tls::openssl;
using tls::TlsFilter;

const bool loaded = system_openssl().empty();

constexpr std::size_t kHeader = 5;
constexpr std::size_t kHeldMost = 64 * 1024;
constexpr std::size_t kWordsMost = 64 * 1024;

enum class Mutation {
  kFlip,
  kTruncate,
  kDuplicate,
  kDrop,
  kSwap,
  kSplice,
  kForeign,
  kLength,
  kType,
  kGarbage,
  kCut,
  kCount,
};

constexpr const char* kNames[] = {"flip",    "truncate", "duplicate", "drop",    "swap", "splice",
                                  "foreign", "length",   "type",      "garbage", "cut"};

// One end as the fuzzer drives it: what it was given, and what came of it.
struct Party {
  End end;
  std::string said;       // plain bytes that it has sent
  std::string heard;      // wire bytes that wait for it
  std::size_t words = 0;  // bytes that it has sent after its failure
  bool over = false;
};

struct Contexts {
  std::shared_ptr<tls::Context> server;
  std::shared_ptr<tls::Context> client;
};

// By version and by whether clients show a certificate.
Contexts make_contexts(int version, bool mutual, bool asks) {
  auto server = server_options();
  auto client = client_options();
  server.max_version = version;
  if (mutual) {
    server.roots = roots();
    server.peer = tls::PeerCertificate::kRequire;
    client.identities.push_back({kClientCertificate, der(kClientKey)});
  }
  server.protocols = client.protocols = std::string("\2h2\3foo");
  Contexts contexts{context(server), context(client)};
  contexts.server->asks = asks;
  return contexts;
}

class Fuzz {
 public:
  Fuzz(std::uint64_t seed, const Contexts& contexts, bool at_server, bool handshake)
      : random_(seed), handshake_(handshake), at_server_(at_server) {
    server_.end.filter = std::make_unique<TlsFilter>(contexts.server);
    client_.end.filter = std::make_unique<TlsFilter>(contexts.client, "localhost", "localhost", "");
    mutation_ = static_cast<Mutation>(random_.below(static_cast<std::size_t>(Mutation::kCount)));
    // A handshake has up to ten records in a direction.
    wait_ = random_.below(handshake ? 8 : 5);
  }

  // False when a property was broken.
  bool run(std::vector<std::string>& foreign) {
    for (int round = 0; round < 40 && sound_; ++round) {
      const bool up = client_.end.filter->is_up() && server_.end.filter->is_up();
      if (up && !handshake_) armed_ = true;
      if (handshake_) armed_ = true;
      const std::size_t moved =
          say(client_, server_, at_server_, foreign) + say(server_, client_, !at_server_, foreign);
      hear(server_, client_);
      hear(client_, server_);
      if (server_.end.filter->waits()) {
        if (random_.one_in(5)) {
          server_.end.filter->refuse(112);
        } else {
          server_.end.filter->answer(nullptr, random_.one_in(3) ? "foo" : "");
        }
      } else if (moved == 0 && (round > 12 || server_.over || client_.over)) {
        break;
      }
    }
    for (Party* party : {&server_, &client_}) {
      if (!party->over) party->end.filter->truncated();
      check(openssl.ERR_peek_error() == 0, "an error stayed in the queue");
    }
    return sound_;
  }

  std::string told() const {
    return std::string(kNames[static_cast<int>(mutation_)]) + (at_server_ ? ", server" : ", client");
  }
  bool mutated() const { return mutated_; }
  bool failed() const { return server_.end.error != 0 || client_.end.error != 0; }

 private:
  void check(bool holds, const char* what) {
    if (holds) return;
    sound_ = false;
    broken = what;
  }

  // Has `from` say what it has to say, which `to` will hear, perhaps changed.
  std::size_t say(Party& from, Party& to, bool to_victim, std::vector<std::string>& foreign) {
    std::string text;
    if (!from.over && from.end.filter->established() && random_.one_in(2)) {
      text.assign(1 + random_.below(random_.one_in(8) ? 20'000 : 300), static_cast<char>('a' + from.said.size() % 26));
    }
    if (from.end.filter->is_up() && from.said.size() > 5'000 && random_.one_in(4)) from.end.filter->close();
    const std::size_t before = from.end.wire_bytes;
    const std::string wire = take(from, text);
    if (from.over) {
      from.words += from.end.wire_bytes - before;
      check(from.words <= kWordsMost, "it talks on after its failure");
    }
    if (wire.empty()) return 0;
    to.heard += to_victim ? change(wire, foreign) : wire;
    return wire.size();
  }

  std::string take(Party& from, const std::string& text) {
    std::string left = text;
    std::string wire;
    std::vector<std::uint8_t> room(Filter::kWireBytes);
    for (int calls = 0;; ++calls) {
      if (calls > 100) {
        check(false, "send() does not end");
        return wire;
      }
      const Slice slice{reinterpret_cast<std::uint8_t*>(left.data()), left.size()};
      const auto sent = from.end.filter->send(std::span(&slice, left.empty() ? 0 : 1), room);
      from.end.filter->take_events();
      from.said += left.substr(0, sent.taken);
      left.erase(0, sent.taken);
      wire.append(reinterpret_cast<char*>(room.data()), sent.produced);
      if (sent.produced == 0) break;
    }
    from.end.wire_bytes += wire.size();
    return wire;
  }

  std::string change(const std::string& wire, std::vector<std::string>& foreign) {
    if (!armed_) return wire;
    std::string changed;
    for (std::size_t at = 0; at < wire.size();) {
      const std::size_t length =
          wire.size() - at < kHeader
              ? wire.size() - at
              : kHeader + (static_cast<std::size_t>(static_cast<std::uint8_t>(wire[at + 3])) << 8 |
                           static_cast<std::uint8_t>(wire[at + 4]));
      std::string record = wire.substr(at, length);
      at += record.size();
      if (random_.one_in(16) || foreign.size() < 8) {
        foreign.resize(std::min<std::size_t>(foreign.size() + 1, 64));
        foreign[random_.below(foreign.size())] = record;
      }
      if (!kept_.empty()) {
        changed += record + std::exchange(kept_, {});
        continue;
      }
      if (cut_off_ || mutated_ || wait_-- > 0) {
        if (!cut_off_) changed += record;
        continue;
      }
      mutated_ = true;
      changed += mutate(std::move(record), foreign);
    }
    return changed;
  }

  std::string mutate(std::string record, const std::vector<std::string>& foreign) {
    const auto byte = [&] { return static_cast<char>(random_.next()); };
    const std::string& other = foreign[random_.below(foreign.size())];
    switch (mutation_) {
      case Mutation::kFlip:
        for (std::size_t i = 0; i <= random_.below(4); ++i) {
          char& flipped = record[random_.below(record.size())];
          flipped = static_cast<char>(flipped ^ 1 << random_.below(8));
        }
        return record;
      case Mutation::kTruncate:
        cut_off_ = true;
        return record.substr(0, random_.below(record.size()));
      case Mutation::kDuplicate:
        return record + record;
      case Mutation::kDrop:
        return "";
      case Mutation::kSwap:
        kept_ = std::move(record);
        return "";
      case Mutation::kSplice:
        return record.substr(0, random_.below(record.size())) + other.substr(random_.below(other.size()));
      case Mutation::kForeign:
        return random_.one_in(2) ? other + record : record + other;
      case Mutation::kLength:
        record[3 + random_.below(2)] = byte();
        return record;
      case Mutation::kType:
        record[random_.below(3)] = random_.one_in(2) ? byte() : static_cast<char>(20 + random_.below(5));
        return record;
      case Mutation::kGarbage: {
        std::string garbage{static_cast<char>(20 + random_.below(5)), 3, static_cast<char>(random_.below(5))};
        const std::size_t size = random_.below(random_.one_in(4) ? 17'000 : 64);
        garbage += static_cast<char>(size >> 8);
        garbage += static_cast<char>(size & 0xff);
        for (std::size_t i = 0; i < size; ++i) garbage += byte();
        return random_.one_in(2) ? garbage + record : garbage;
      }
      case Mutation::kCut: {
        // A handshake message in plain may be cut anywhere; what is sealed may not.
        if (record.size() < kHeader + 2) return record;
        const std::size_t at = 1 + random_.below(record.size() - kHeader - 1);
        const auto header = [&](std::size_t size) {
          return record.substr(0, 3) + static_cast<char>(size >> 8) + static_cast<char>(size & 0xff);
        };
        return header(at) + record.substr(kHeader, at) + header(record.size() - kHeader - at) +
               record.substr(kHeader + at);
      }
      case Mutation::kCount:
        break;
    }
    return record;
  }

  // Gives a party what waits for it, in segments of any size.
  void hear(Party& party, const Party& other) {
    TlsFilter& filter = *party.end.filter;
    while (!party.over && !filter.waits() && (!party.heard.empty() || filter.pending() > 0)) {
      std::uint8_t plain[4096];
      const std::size_t size =
          random_.one_in(3) ? std::min(party.heard.size(), 1 + random_.below(40)) : party.heard.size();
      const std::size_t room = random_.one_in(4) ? 1 + random_.below(sizeof plain) : sizeof plain;
      const auto got = filter.receive({reinterpret_cast<const std::uint8_t*>(party.heard.data()), size}, {plain, room});
      filter.take_events();
      check(got.taken <= size && got.produced <= room, "it took or gave more than there is");
      party.end.plain.append(reinterpret_cast<char*>(plain), got.produced);
      party.heard.erase(0, got.taken);
      check(openssl.ERR_peek_error() == 0, "an error stayed in the queue");
      check(filter.held() <= kHeldMost, "it holds too much");
      check(other.said.starts_with(party.end.plain), "it heard what was not said");
      if (got.error != 0) party.end.error = got.error;
      party.over = got.error != 0 || got.ended;
      const bool moves = got.taken > 0 || got.produced > 0 || party.over || filter.waits() || filter.pending() > 0;
      check(moves || size == 0, "it does not get on");
      if (!sound_) return;
    }
  }

  Random random_;
  Party server_;
  Party client_;
  Mutation mutation_ = Mutation::kFlip;
  std::string kept_;
  std::size_t wait_ = 0;
  bool handshake_;
  bool at_server_;
  bool armed_ = false;
  bool mutated_ = false;
  bool cut_off_ = false;
  bool sound_ = true;

 public:
  const char* broken = "";
};

void fuzz(bool handshake) {
  struct Kind {
    int version;
    bool mutual;
    bool asks;
  };
  constexpr Kind kKinds[] = {{tls::kVersion12, false, false},
                             {tls::kVersion12, true, false},
                             {tls::kVersion13, false, false},
                             {tls::kVersion13, true, true},
                             {tls::kVersion12, false, true}};
  std::vector<Contexts> contexts;
  for (const Kind& kind : kKinds) contexts.push_back(make_contexts(kind.version, kind.mutual, kind.asks));
  std::vector<std::string> foreign;
  const int count = volume(1'000, 100'000);
  int mutated = 0;
  int failed = 0;
  for (int i = 0; i < count; ++i) {
    const std::uint64_t seed = test_seed() * 1'000'003 + static_cast<std::uint64_t>(i);
    const std::size_t kind = static_cast<std::size_t>(i) % contexts.size();
    Fuzz one(seed, contexts[kind], i % 2 == 0, handshake);
    const bool sound = one.run(foreign);
    mutated += one.mutated() ? 1 : 0;
    failed += one.failed() ? 1 : 0;
    if (sound) continue;
    set_context("seed " + std::to_string(test_seed()) + ", round " + std::to_string(i) + ", kind " +
                std::to_string(kind) + ", " + one.told() + ": " + one.broken);
    CHECK(sound);
  }
  set_context("seed " + std::to_string(test_seed()));
  std::printf("  %d of %d were changed, %d failed\n", mutated, count, failed);
  CHECK(mutated * 10 > count * 7 || count < 100);
  CHECK(failed * 2 > count || count < 100);
  set_context("");
}

}  // namespace

TEST("mutated handshakes") {
  fuzz(true);
}

TEST("mutated records") {
  fuzz(false);
}

TEST("a socket that ends after any byte of a conversation is told as cut off, or as truncated") {
  for (const int version : {tls::kVersion12, tls::kVersion13}) {
    Pair pair(context([&] {
                auto options = server_options();
                options.max_version = version;
                return options;
              }()),
              context(client_options()));
    bool closes = false;
    for (int round = 0; round < 8; ++round) {
      for (auto [from, to] : {std::pair(&pair.client, &pair.server), std::pair(&pair.server, &pair.client)}) {
        const std::string text = from->filter->established() && !closes ? "hello" : "";
        if (round == 6) from->filter->close();
        for (const char byte : Pair::take(*from, text)) {
          CHECK_EQUAL(to->filter->truncated(), EPROTO);
          CHECK_EQUAL(to->filter->failure().fault, to->filter->is_up() ? tls::Fault::kTruncated : tls::Fault::kCut);
          Pair::give(*to, std::string(1, byte));
        }
      }
      closes = round >= 5;
    }
    CHECK(pair.client.ended && pair.server.ended);
    CHECK_EQUAL(pair.client.error, 0);
    CHECK_EQUAL(pair.server.error, 0);
  }
}

// Everything that it has made goes with it, and at each of these moments it has made something else.
TEST("a connection may go after any byte of its handshake") {
  const int every = volume(50, 1);
  for (const int version : {tls::kVersion12, tls::kVersion13}) {
    auto options = server_options();
    options.max_version = version;
    const auto server = context(options);
    const auto client = context(client_options());
    Pair full(server, client);
    full.shake_hands();
    const std::size_t whole = full.client.wire_bytes + full.server.wire_bytes;
    for (std::size_t end = 0; end < whole; end += static_cast<std::size_t>(every)) {
      Pair pair(server, client);
      std::size_t given = 0;
      for (int round = 0; round < 4 && given <= end; ++round) {
        for (auto [from, to] : {std::pair(&pair.client, &pair.server), std::pair(&pair.server, &pair.client)}) {
          const std::string wire = Pair::take(*from);
          Pair::give(*to, wire.substr(0, std::min(wire.size(), end - std::min(end, given))));
          given += wire.size();
          if (given > end) break;
        }
      }
    }
    CHECK(whole > 1'000);
  }
}
