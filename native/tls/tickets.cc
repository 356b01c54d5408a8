#include "tls/tickets.h"

#include <algorithm>
#include <cstring>

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

}  // namespace skein::tls
