// What the OCSP response that a server has stapled to its certificate says of it (RFC 6960), once it is verified. A
// client asks for it during the handshake, and refuses the server for anything but a good one.
#pragma once

#include <cstdint>
#include <span>

#include "tls/openssl.h"

namespace skein::tls {

// src/native.ts has these numbers, too.
enum class Staple : std::uint8_t {
  kUnchecked,
  kGood,
  kAbsent,    // and nobody requires one
  kMissing,   // the program requires one
  kMustHave,  // the certificate says that it comes with one (RFC 7633)
  kMalformed,
  kNoAnswer,  // but an error of the responder's (RFC 6960, 4.2.1)
  kWrongSigner,
  kOtherCertificate,
  kStale,  // or not valid yet
  kRevoked,
  kUnknown,  // to the responder
};

// Of the first certificate of `chain`, which was verified with `store`. An empty response is malformed.
Staple verify_staple(std::span<const unsigned char> response, stack_st_X509* chain, x509_store_st* store);

// Whether the first certificate of `chain` says that its server staples a response.
bool must_staple(const stack_st_X509* chain);

}  // namespace skein::tls
