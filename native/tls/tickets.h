// The keys that seal session tickets (RFC 5077, 4; RFC 8446, 4.6.1). A ticket holds the session itself: whoever has its
// key can read it, so keys do not live long.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "engine/backoff.h"
#include "tls/openssl.h"

namespace skein::tls {

class TicketKeys {
 public:
  // A name (16 bytes), a key for HMAC-SHA256 (32) and one for AES-256-CBC (32).
  static constexpr std::size_t kBytes = 80;
  using Key = std::array<std::uint8_t, kBytes>;
  // A key that was made here seals for so long, and opens for as long again.
  static constexpr std::int64_t kSealsMs = 12LL * 3600 * 1000;

  ~TicketKeys();
  // Keys of the program's own, which it shares and changes itself: the first seals, all open. None: they are made here.
  void set(std::span<const Key> keys);
  // As OpenSSL calls it: 1, 2 when a ticket should be made anew, 0 when no key opens it, -1 for an error.
  int handle(unsigned char* name, unsigned char* iv, evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac, bool seals);
  void set_clock(Clock clock) { clock_ = clock; }

 private:
  bool renew();

  std::vector<Key> keys_;
  bool own_ = false;  // the program's
  std::int64_t made_ms_ = 0;
  Clock clock_ = steady_ms;
};

// A callback of SSL_CTX_set_session_ticket_cb(): a session in whose ticket only random numbers differ from another's
// takes as many bytes. Whoever cuts a stream into segments by a seed gets the same ones in each run.
int even_ticket(SSL* ssl, void*);

}  // namespace skein::tls
