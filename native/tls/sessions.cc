#include "tls/sessions.h"

#include <chrono>
#include <cstring>

namespace skein::tls {

namespace {

constexpr std::size_t kStampBytes = 8;

}  // namespace

std::int64_t wall_seconds() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::seconds>(since).count();
}

bool stamp(ssl_session_st* session, std::int64_t now) {
  void* known = nullptr;
  std::size_t length = 0;
  if (openssl.SSL_SESSION_get0_ticket_appdata(session, &known, &length) == 1 && length == kStampBytes) {
    return true;
  }
  unsigned char bytes[kStampBytes];
  for (std::size_t i = 0; i < kStampBytes; ++i) {
    bytes[i] = static_cast<unsigned char>(static_cast<std::uint64_t>(now) >> (8 * (kStampBytes - 1 - i)));
  }
  return openssl.SSL_SESSION_set1_ticket_appdata(session, bytes, kStampBytes) == 1;
}

bool is_fresh(ssl_session_st* session, std::int64_t now, std::int64_t seconds) {
  void* known = nullptr;
  std::size_t length = 0;
  if (openssl.SSL_SESSION_get0_ticket_appdata(session, &known, &length) != 1 || length != kStampBytes) return false;
  std::uint64_t begun = 0;
  for (std::size_t i = 0; i < kStampBytes; ++i) begun = begun << 8 | static_cast<const unsigned char*>(known)[i];
  return now - static_cast<std::int64_t>(begun) < seconds;
}

}  // namespace skein::tls
