// Seals records of any kind with a client's keys, which a key log tells: what no TLS library would send by itself.
// AES-128-GCM only, by RFC 5246, 6.2.3.3 with RFC 5288, or RFC 8446, 5.2.
#pragma once

#include <array>
#include <string>

#include "test/tls_pair.h"

namespace skein::test {

// Of what the engine itself does not call.
template <typename Function>
Function* openssl_function(const char* name) {
  return reinterpret_cast<Function*>(find_in_system(name));
}

// Options of a client whose records can be sealed by a Sealer.
inline tls::Context::Options sealable(int version) {
  auto options = client_options();
  options.max_version = version;
  options.ciphers = "ECDHE-ECDSA-AES128-GCM-SHA256";
  options.suites = "TLS_AES_128_GCM_SHA256";
  options.logs_keys = true;
  return options;
}

class Sealer {
 public:
  static constexpr char kAlert = 21;
  static constexpr char kHandshake = 22;
  static constexpr char kData = 23;

  // `client` has shaken hands and has sent nothing afterwards.
  Sealer(End& client, int version) : old_(version == tls::kVersion12) {
    const std::string log = client.filter->take_key_log();
    if (old_) {
      const std::string random = bytes_behind(log, "CLIENT_RANDOM ");
      const std::string master = bytes_behind(log, "CLIENT_RANDOM " + log.substr(log.find("CLIENT_RANDOM ") + 14, 65));
      unsigned char server[32];
      openssl_function<std::size_t(const tls::SSL*, unsigned char*, std::size_t)>("SSL_get_server_random")(
          client.filter->ssl(), server, sizeof server);
      const std::string block =
          expand(master, "key expansion" + std::string(reinterpret_cast<char*>(server), 32) + random);
      key_ = block.substr(0, 16);
      iv_ = block.substr(32, 4);
      number_ = 1;  // behind Finished
    } else {
      const std::string secret = bytes_behind(log, "CLIENT_TRAFFIC_SECRET_0 ", 1);
      key_ = expand_label(secret, "key", 16);
      iv_ = expand_label(secret, "iv", 12);
    }
  }

  std::string seal(char type, std::string content) {
    std::string number(8, '\0');
    for (int i = 0; i < 8; ++i) number[static_cast<std::size_t>(i)] = static_cast<char>(number_ >> (56 - 8 * i));
    ++number_;
    if (old_) {
      const std::string associated = number + type + "\3\3" + two(content.size());
      return std::string{type, 3, 3} + two(8 + content.size() + kTag) + number +
             encrypt(iv_ + number, associated, content);
    }
    content += type;
    std::string nonce = iv_;
    for (std::size_t i = 0; i < 8; ++i) nonce[4 + i] = static_cast<char>(nonce[4 + i] ^ number[i]);
    const std::string header = std::string{kData, 3, 3} + two(content.size() + kTag);
    return header + encrypt(nonce, header, content);
  }

 private:
  static constexpr std::size_t kTag = 16;

  static std::string two(std::size_t size) { return {static_cast<char>(size >> 8), static_cast<char>(size & 0xff)}; }

  // The hexadecimal word behind `label`, or the next but one.
  static std::string bytes_behind(const std::string& log, const std::string& label, int skip = 0) {
    std::size_t at = log.find(label) + label.size();
    for (; skip > 0; --skip) at = log.find(' ', at) + 1;
    std::string bytes;
    const auto digit = [](char c) { return c <= '9' ? c - '0' : (c | 32) - 'a' + 10; };
    for (; at + 1 < log.size() && log[at] > ' '; at += 2) {
      bytes += static_cast<char>(digit(log[at]) * 16 + digit(log[at + 1]));
    }
    return bytes;
  }

  static std::string hmac(const std::string& key, const std::string& text) {
    unsigned char out[64];
    unsigned length = 0;
    openssl_function<unsigned char*(const void*, const void*, int, const unsigned char*, std::size_t, unsigned char*,
                                    unsigned*)>("HMAC")(
        openssl_function<const void*()>("EVP_sha256")(), key.data(), static_cast<int>(key.size()),
        reinterpret_cast<const unsigned char*>(text.data()), text.size(), out, &length);
    return {reinterpret_cast<char*>(out), length};
  }

  // RFC 5246, 5.
  static std::string expand(const std::string& secret, const std::string& seed) {
    std::string result;
    for (std::string a = hmac(secret, seed); result.size() < 40; a = hmac(secret, a)) result += hmac(secret, a + seed);
    return result;
  }

  // RFC 8446, 7.1, for at most 32 bytes.
  static std::string expand_label(const std::string& secret, const std::string& label, std::size_t length) {
    const std::string full = "tls13 " + label;
    return hmac(secret, two(length) + static_cast<char>(full.size()) + full + '\0' + '\1').substr(0, length);
  }

  std::string encrypt(const std::string& nonce, const std::string& associated, const std::string& content) const {
    auto* const cipher = openssl_function<evp_cipher_ctx_st*()>("EVP_CIPHER_CTX_new")();
    auto* const update =
        openssl_function<int(evp_cipher_ctx_st*, unsigned char*, int*, const unsigned char*, int)>("EVP_EncryptUpdate");
    const auto bytes = [](const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); };
    tls::openssl.EVP_EncryptInit_ex(cipher, openssl_function<const evp_cipher_st*()>("EVP_aes_128_gcm")(), nullptr,
                                    bytes(key_), bytes(nonce));
    int length = 0;
    std::string sealed(content.size() + kTag, '\0');
    update(cipher, nullptr, &length, bytes(associated), static_cast<int>(associated.size()));
    auto* const out = reinterpret_cast<unsigned char*>(sealed.data());
    update(cipher, out, &length, bytes(content), static_cast<int>(content.size()));
    openssl_function<int(evp_cipher_ctx_st*, unsigned char*, int*)>("EVP_EncryptFinal_ex")(cipher, out + length,
                                                                                           &length);
    constexpr int kGetTag = 0x10;
    openssl_function<int(evp_cipher_ctx_st*, int, int, void*)>("EVP_CIPHER_CTX_ctrl")(
        cipher, kGetTag, static_cast<int>(kTag), out + content.size());
    openssl_function<void(evp_cipher_ctx_st*)>("EVP_CIPHER_CTX_free")(cipher);
    return sealed;
  }

  bool old_;
  std::string key_;
  std::string iv_;
  std::uint64_t number_ = 0;
};

}  // namespace skein::test
