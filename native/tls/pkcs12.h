// A private key with its certificates in one file (RFC 7292).
#pragma once

#include <string>
#include <vector>

#include "tls/context.h"

namespace skein::tls {

struct Container {
  std::string key;                        // DER of PKCS#8
  std::vector<std::string> certificates;  // DER, the key's own first

  ~Container();
};

// False when it cannot be opened: `refusal` says why.
bool open_pkcs12(const std::string& file, const std::string& passphrase, Container& container, Refusal& refusal);

}  // namespace skein::tls
