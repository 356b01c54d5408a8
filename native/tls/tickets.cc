#include "tls/tickets.h"

#include <algorithm>
#include <cstring>
#include <utility>

// OSSL_PARAM of core.h: how OpenSSL 3 takes options by name.
struct ossl_param_st {
  const char* key;
  unsigned data_type;
  void* data;
  std::size_t data_size;
  std::size_t return_size;
};

namespace skein::tls {

namespace {

constexpr std::size_t kName = 16;
constexpr std::size_t kMacKey = 32;
constexpr int kIv = 16;
constexpr unsigned kUtf8String = 4;
constexpr unsigned kOctetString = 5;
constexpr std::size_t kUnmodified = static_cast<std::size_t>(-1);

bool set_mac_key(evp_mac_ctx_st* mac, std::uint8_t* key) {
  char digest[] = "SHA256";
  const ossl_param_st parameters[] = {
      {"key", kOctetString, key, kMacKey, kUnmodified},
      {"digest", kUtf8String, digest, sizeof digest - 1, kUnmodified},
      {nullptr, 0, nullptr, 0, 0},
  };
  return openssl.EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

// Of SSL_SESSION_ASN1 in ssl/ssl_asn1.c: the ticket_age_add of RFC 8446, 4.6.1, the only number in a session that is
// random.
constexpr unsigned char kAgeAdd = 0xa0 | 14;
// Tag, length, and those of the INTEGER of five bytes in it.
constexpr std::size_t kAgeAddMost = 9;

// The bytes of the length at `at`, and what it says; {0, 0} when it is none.
std::pair<std::size_t, std::size_t> length_at(std::span<const unsigned char> der, std::size_t at) {
  if (at >= der.size()) return {0, 0};
  if (der[at] < 0x80) return {1, der[at]};
  const std::size_t bytes = der[at] & 0x7fu;
  if (bytes == 0 || bytes > 3 || at + bytes >= der.size()) return {0, 0};
  std::size_t length = 0;
  for (std::size_t i = 1; i <= bytes; ++i) length = length << 8 | der[at + i];
  return {1 + bytes, length};
}

// The bytes that an element of the sequence takes; 0 when there is none with that tag.
std::size_t bytes_of(std::span<const unsigned char> der, unsigned char tag) {
  std::size_t at = 1 + length_at(der, 1).first;
  while (at < der.size()) {
    const auto [head, length] = length_at(der, at + 1);
    if (head == 0) return 0;
    if (der[at] == tag) return 1 + head + length;
    at += 1 + head + length;
  }
  return 0;
}

void wipe(std::vector<TicketKeys::Key>& keys) {
  for (TicketKeys::Key& key : keys) openssl.OPENSSL_cleanse(key.data(), key.size());
  keys.clear();
}

}  // namespace

TicketKeys::~TicketKeys() {
  wipe(keys_);
}

void TicketKeys::set(std::span<const Key> keys) {
  wipe(keys_);
  keys_.assign(keys.begin(), keys.end());
  own_ = !keys_.empty();
}

// Makes a key when there is none, or the one that seals has done so for long enough. False when there is no randomness.
bool TicketKeys::renew() {
  const std::int64_t now = clock_();
  if (own_ || (!keys_.empty() && now - made_ms_ < kSealsMs)) return true;
  Key key;
  if (openssl.RAND_bytes(key.data(), static_cast<int>(key.size())) != 1) return false;
  if (now - made_ms_ >= 2 * kSealsMs) wipe(keys_);
  // No copies that nobody wipes: not of a list, and not of a vector that grows.
  std::vector<Key> renewed;
  renewed.reserve(2);
  renewed.push_back(key);
  if (!keys_.empty()) renewed.push_back(keys_.front());
  openssl.OPENSSL_cleanse(key.data(), key.size());
  wipe(keys_);
  keys_.swap(renewed);
  made_ms_ = now;
  return true;
}

int TicketKeys::handle(unsigned char* name, unsigned char* iv, evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac,
                       bool seals) {
  if (!renew()) return -1;
  std::size_t which = 0;
  if (seals) {
    std::memcpy(name, keys_[0].data(), kName);
    if (openssl.RAND_bytes(iv, kIv) != 1) return -1;
  } else {
    while (which < keys_.size() && std::memcmp(name, keys_[which].data(), kName) != 0) ++which;
    if (which == keys_.size()) return 0;
  }
  std::uint8_t* const mac_key = keys_[which].data() + kName;
  const std::uint8_t* const cipher_key = mac_key + kMacKey;
  const auto start = seals ? openssl.EVP_EncryptInit_ex : openssl.EVP_DecryptInit_ex;
  if (start(cipher, openssl.EVP_aes_256_cbc(), nullptr, cipher_key, iv) != 1 || !set_mac_key(mac, mac_key)) return -1;
  // Clients use each once (RFC 8446, C.4), and would have none for their next connection.
  return seals ? 1 : 2;
}

int even_ticket(SSL* ssl, void*) {
  ssl_session_st* const session = openssl.SSL_get_session(ssl);
  const int size = openssl.i2d_SSL_SESSION(session, nullptr);
  if (size <= 0) return 0;
  std::vector<unsigned char> der(static_cast<std::size_t>(size));
  unsigned char* end = der.data();
  openssl.i2d_SSL_SESSION(session, &end);
  const std::size_t taken = bytes_of(der, kAgeAdd);
  openssl.OPENSSL_cleanse(der.data(), der.size());
  const std::array<unsigned char, kAgeAddMost + 1> filling{};
  return openssl.SSL_SESSION_set1_ticket_appdata(session, filling.data(), filling.size() - taken);
}

}  // namespace skein::tls
