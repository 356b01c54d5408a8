// Two ends of TLS that talk through memory, on the OpenSSL of this system.
#pragma once

#include <dlfcn.h>

#include <memory>
#include <string>

#include "test/certificates.h"
#include "test/test.h"
#include "tls/filter.h"

namespace skein::test {

inline void* find_in_system(const char* name) {
  static void* const ssl = ::dlopen("libssl.so.3", RTLD_NOW | RTLD_GLOBAL);
  return ssl == nullptr ? nullptr : ::dlsym(ssl, name);
}

// Loads the system's libssl; "" when it is there and is one that is known, else why not.
inline const std::string& system_openssl() {
  return tls::load(find_in_system, "");
}

inline std::shared_ptr<tls::Roots> roots(const std::string& certificates = kAuthority) {
  tls::Roots::Options options;
  options.certificates = certificates;
  tls::Refusal refusal;
  auto made = tls::Roots::make(options, refusal);
  CHECK_EQUAL(refusal.what + refusal.reason, "");
  return made;
}

template <std::size_t size>
std::string der(const unsigned char (&bytes)[size]) {
  return {reinterpret_cast<const char*>(bytes), size};
}

inline tls::Context::Options server_options() {
  tls::Context::Options options;
  options.server = true;
  options.identities.push_back({kServerCertificate, der(kServerKey)});
  options.session_id_context = "test";
  return options;
}

inline tls::Context::Options client_options() {
  tls::Context::Options options;
  options.roots = roots();
  options.peer = tls::PeerCertificate::kRequire;
  return options;
}

inline std::shared_ptr<tls::Context> context(tls::Context::Options options) {
  tls::Refusal refusal;
  auto made = tls::Context::make(options, refusal);
  CHECK_EQUAL(refusal.what + refusal.reason, "");
  return made;
}

// One end: what it received and has told.
struct End {
  std::unique_ptr<tls::TlsFilter> filter;
  std::string plain = {};    // received
  std::uint32_t events = 0;  // told so far
  bool ended = false;        // the peer's close_notify came
  int error = 0;
  std::size_t wire_bytes = 0;  // sent
  std::string stash = {};      // that wait for an answer
};

struct Pair {
  End server;
  End client;

  Pair(std::shared_ptr<tls::Context> server_context, std::shared_ptr<tls::Context> client_context,
       const std::string& name = "localhost", const std::string& session = "") {
    server.filter = std::make_unique<tls::TlsFilter>(std::move(server_context));
    client.filter = std::make_unique<tls::TlsFilter>(std::move(client_context), name, name, session);
  }

  // Moves `text` and all that waits from one end to the other, in segments of `segment` bytes. Returns the bytes.
  static std::size_t move(End& from, End& to, const std::string& text = "", std::size_t segment = 100'000) {
    const std::string wire = take(from, text);
    for (std::size_t at = 0; at < wire.size(); at += segment) give(to, wire.substr(at, segment));
    return wire.size();
  }

  // What one end has to say, and `text`.
  static std::string take(End& from, const std::string& text = "") {
    std::string left = text;
    std::string wire;
    std::vector<std::uint8_t> room(Filter::kWireBytes);
    for (;;) {
      const Slice slice{reinterpret_cast<std::uint8_t*>(left.data()), left.size()};
      const auto sent = from.filter->send(std::span(&slice, left.empty() ? 0 : 1), room);
      from.events |= from.filter->take_events();
      if (sent.error != 0) from.error = sent.error;
      left.erase(0, sent.taken);
      wire.append(reinterpret_cast<char*>(room.data()), sent.produced);
      if (sent.produced == 0) break;
    }
    from.wire_bytes += wire.size();
    return wire;
  }

  static void give(End& to, std::string wire) {
    wire.insert(0, std::exchange(to.stash, {}));
    for (;;) {
      char plain[5000];
      const auto got = to.filter->receive({reinterpret_cast<const std::uint8_t*>(wire.data()), wire.size()},
                                          {reinterpret_cast<std::uint8_t*>(plain), sizeof plain});
      to.events |= to.filter->take_events();
      to.plain.append(plain, got.produced);
      wire.erase(0, got.taken);
      to.ended = to.ended || got.ended;
      if (got.error != 0) to.error = got.error;
      if (got.error != 0 || got.ended) return;
      if (to.filter->waits()) {
        to.stash = wire;
        return;
      }
      if (wire.empty() && to.filter->pending() == 0) return;
    }
  }

  // Until neither has more to say.
  void shake_hands(std::size_t segment = 100'000) {
    while (move(client, server, "", segment) + move(server, client, "", segment) > 0) continue;
  }
};

}  // namespace skein::test
