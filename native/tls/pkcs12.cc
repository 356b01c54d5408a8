#include "tls/pkcs12.h"

#include <algorithm>
#include <climits>

namespace skein::tls {

namespace {

template <typename Value>
std::string encoded(int (*encode)(const Value*, unsigned char**), const Value* value) {
  const int length = encode(value, nullptr);
  if (length <= 0) return {};
  std::string der(static_cast<std::size_t>(length), '\0');
  auto* at = reinterpret_cast<unsigned char*>(der.data());
  encode(value, &at);
  return der;
}

std::string key_of(const evp_pkey_st* key) {
  pkcs8_priv_key_info_st* const info = openssl.EVP_PKEY2PKCS8(key);
  if (info == nullptr) return {};
  std::string der = encoded(openssl.i2d_PKCS8_PRIV_KEY_INFO, static_cast<const pkcs8_priv_key_info_st*>(info));
  openssl.PKCS8_PRIV_KEY_INFO_free(info);
  return der;
}

}  // namespace

Container::~Container() {
  openssl.OPENSSL_cleanse(key.data(), key.size());
}

bool open_pkcs12(const std::string& file, const std::string& passphrase, Container& container, Refusal& refusal) {
  clear_errors();
  BIO* const bio = openssl.BIO_new_mem_buf(file.data(), static_cast<int>(std::min<std::size_t>(file.size(), INT_MAX)));
  PKCS12_st* const parsed = bio == nullptr ? nullptr : openssl.d2i_PKCS12_bio(bio, nullptr);
  if (bio != nullptr) openssl.BIO_free(bio);
  if (parsed == nullptr) {
    refusal = {"the PKCS#12 file", complaint()};
    return false;
  }
  evp_pkey_st* key = nullptr;
  x509_st* own = nullptr;
  stack_st_X509* others = nullptr;
  const bool opened = openssl.PKCS12_parse(parsed, passphrase.c_str(), &key, &own, &others) == 1;
  openssl.PKCS12_free(parsed);
  if (opened && key != nullptr && own != nullptr) {
    container.key = key_of(key);
    container.certificates.push_back(encoded(openssl.i2d_X509, static_cast<const x509_st*>(own)));
    const auto* const stack = reinterpret_cast<stack_st*>(others);
    for (int i = 0; stack != nullptr && i < openssl.OPENSSL_sk_num(stack); ++i) {
      const auto* one = static_cast<const x509_st*>(openssl.OPENSSL_sk_value(stack, i));
      container.certificates.push_back(encoded(openssl.i2d_X509, one));
    }
  }
  openssl.EVP_PKEY_free(key);
  openssl.X509_free(own);
  if (others != nullptr) {
    openssl.OPENSSL_sk_pop_free(reinterpret_cast<stack_st*>(others),
                                [](void* one) { openssl.X509_free(static_cast<x509_st*>(one)); });
  }
  if (!container.key.empty()) {
    clear_errors();
    return true;
  }
  refusal = {
      opened ? "the PKCS#12 file: it has no private key with a certificate" : "the PKCS#12 file, or its passphrase",
      complaint()};
  return false;
}

}  // namespace skein::tls
