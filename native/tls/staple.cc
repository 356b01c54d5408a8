#include "tls/staple.h"

#include <memory>

namespace skein::tls {

namespace {

// Between the clocks of the responder and of this machine.
constexpr long kSkewSeconds = 300;
// Of a response that does not say when the next one comes: it could be shown for ever.
constexpr long kAgeMostSeconds = 24 * 60 * 60;
constexpr int kAbsentExtension = -1;
constexpr long kStatusRequest = 5;  // RFC 6066, 8

struct FreeResponse {
  void operator()(ocsp_response_st* response) const { openssl.OCSP_RESPONSE_free(response); }
};
struct FreeBasic {
  void operator()(ocsp_basic_response_st* response) const { openssl.OCSP_BASICRESP_free(response); }
};
struct FreeId {
  void operator()(ocsp_cert_id_st* id) const { openssl.OCSP_CERTID_free(id); }
};
using Response = std::unique_ptr<ocsp_response_st, FreeResponse>;
using Basic = std::unique_ptr<ocsp_basic_response_st, FreeBasic>;
using Id = std::unique_ptr<ocsp_cert_id_st, FreeId>;

const x509_st* at(const stack_st_X509* chain, int i) {
  return static_cast<const x509_st*>(openssl.OPENSSL_sk_value(reinterpret_cast<const stack_st*>(chain), i));
}

int size_of(const stack_st_X509* chain) {
  return chain == nullptr ? 0 : openssl.OPENSSL_sk_num(reinterpret_cast<const stack_st*>(chain));
}

// Of a response whose signature is in order.
Staple status_of(ocsp_basic_response_st* response, const x509_st* certificate, const x509_st* issuer) {
  // A responder names the certificate by hashes, with the algorithm that it likes (RFC 6960, 4.3).
  for (const auto digest : {openssl.EVP_sha1, openssl.EVP_sha256, openssl.EVP_sha384, openssl.EVP_sha512}) {
    const Id id(openssl.OCSP_cert_to_id(digest(), certificate, issuer));
    int status = kOcspUnknown;
    asn1_string_st* since = nullptr;
    asn1_string_st* until = nullptr;
    if (id == nullptr ||
        openssl.OCSP_resp_find_status(response, id.get(), &status, nullptr, nullptr, &since, &until) != 1) {
      continue;
    }
    if (openssl.OCSP_check_validity(since, until, kSkewSeconds, until == nullptr ? kAgeMostSeconds : -1) != 1) {
      return Staple::kStale;
    }
    return status == kOcspGood ? Staple::kGood : status == kOcspRevoked ? Staple::kRevoked : Staple::kUnknown;
  }
  return Staple::kOtherCertificate;
}

Staple verify(std::span<const unsigned char> response, stack_st_X509* chain, x509_store_st* store) {
  const unsigned char* from = response.data();
  const Response read(openssl.d2i_OCSP_RESPONSE(nullptr, &from, static_cast<long>(response.size())));
  if (read == nullptr || from != response.data() + response.size()) return Staple::kMalformed;
  if (openssl.OCSP_response_status(read.get()) != kOcspSuccessful) return Staple::kNoAnswer;
  const Basic basic(openssl.OCSP_response_get1_basic(read.get()));
  if (basic == nullptr) return Staple::kMalformed;
  const int length = size_of(chain);
  const x509_st* const certificate = at(chain, 0);
  // The issuer of a certificate that is trusted by itself may be unknown here.
  const x509_st* const issuer = length > 1 ? at(chain, 1) : certificate;
  if (openssl.X509_check_issued(const_cast<x509_st*>(issuer), const_cast<x509_st*>(certificate)) != 0 ||
      openssl.OCSP_basic_verify(basic.get(), chain, store, kOcspNoExplicit) != 1) {
    return Staple::kWrongSigner;
  }
  return status_of(basic.get(), certificate, issuer);
}

}  // namespace

Staple verify_staple(std::span<const unsigned char> response, stack_st_X509* chain, x509_store_st* store) {
  const Staple result = size_of(chain) == 0 || store == nullptr ? Staple::kWrongSigner : verify(response, chain, store);
  clear_errors();
  return result;
}

bool must_staple(const stack_st_X509* chain) {
  if (size_of(chain) == 0) return false;
  int found = kAbsentExtension;
  void* const features = openssl.X509_get_ext_d2i(at(chain, 0), kExtensionTlsFeature, &found, nullptr);
  // One that cannot be read, or two of them: it wants something.
  bool must = features == nullptr && found != kAbsentExtension;
  auto* const list = static_cast<stack_st*>(features);
  for (int i = 0; list != nullptr && i < openssl.OPENSSL_sk_num(list); ++i) {
    const auto* const feature = static_cast<const asn1_string_st*>(openssl.OPENSSL_sk_value(list, i));
    must = must || openssl.ASN1_INTEGER_get(feature) == kStatusRequest;
  }
  openssl.OPENSSL_sk_pop_free(list, [](void* one) { openssl.ASN1_INTEGER_free(static_cast<asn1_string_st*>(one)); });
  clear_errors();
  return must;
}

}  // namespace skein::tls
