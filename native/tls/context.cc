#include "tls/context.h"

#include <algorithm>
#include <climits>
#include <cstring>

#include "tls/callbacks.h"

namespace skein::tls {

namespace {

constexpr int kModeNoAutoChain = 8;
constexpr int kCtrlChainCertificate = 89;
constexpr int kVerifyDepth = 10;
// Of a peer's chain, in bytes. OpenSSL's own default.
constexpr long kChainMost = 100 * 1024;

struct FreeBio {
  void operator()(BIO* bio) const { openssl.BIO_free(bio); }
};
struct FreeKey {
  void operator()(evp_pkey_st* key) const { openssl.EVP_PKEY_free(key); }
};
struct FreeCertificate {
  void operator()(x509_st* certificate) const { openssl.X509_free(certificate); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;
using Key = std::unique_ptr<evp_pkey_st, FreeKey>;
using Certificate = std::unique_ptr<x509_st, FreeCertificate>;

bool refuse(Refusal& refusal, std::string what) {
  refusal = {std::move(what), complaint()};
  return false;
}

Bio reader(const std::string& text) {
  return Bio(openssl.BIO_new_mem_buf(text.data(), static_cast<int>(std::min<std::size_t>(text.size(), INT_MAX))));
}

// Of protocols: each behind its length, which is not 0.
bool is_list(const std::string& protocols) {
  std::size_t at = 0;
  while (at < protocols.size() && protocols[at] != 0) at += 1 + std::size_t{static_cast<std::uint8_t>(protocols[at])};
  return at == protocols.size() && at <= UINT16_MAX;
}

// OpenSSL's own callback would ask on the terminal.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

void wipe(std::string& secret) {
  openssl.OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

// Whether reading has ended since there is nothing more, and not in something that cannot be read.
bool is_end_of_pem() {
  const unsigned long error = openssl.ERR_peek_error();
  const bool is_end = error_library(error) == kErrorLibraryPem && error_reason(error) == kPemNoStartLine;
  if (is_end) clear_errors();
  return is_end;
}

// False when one of them cannot be read: OpenSSL's queue says why.
bool read_certificates(const std::string& pem, std::vector<Certificate>& certificates) {
  clear_errors();
  const Bio bio = reader(pem);
  while (x509_st* certificate = openssl.PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)) {
    certificates.emplace_back(certificate);
  }
  return is_end_of_pem();
}

}  // namespace

std::string complaint() {
  const unsigned long code = openssl.ERR_peek_error();
  const char* const reason = code == 0 ? nullptr : openssl.ERR_reason_error_string(code);
  clear_errors();
  return reason == nullptr ? "" : reason;
}

// --- roots -----------------------------------------------------------------------------------------------------------

std::shared_ptr<Roots> Roots::make(const Options& options, Refusal& refusal) {
  const LeavesNoErrors check;
  clear_errors();
  std::shared_ptr<Roots> roots(new Roots());
  roots->store_ = openssl.X509_STORE_new();
  if (roots->store_ == nullptr) {
    refuse(refusal, "the trusted certificates");
    return nullptr;
  }
  std::vector<Certificate> certificates;
  if (!read_certificates(options.certificates, certificates)) {
    refuse(refusal, "a trusted certificate");
    return nullptr;
  }
  for (Certificate& certificate : certificates) {
    if (openssl.X509_STORE_add_cert(roots->store_, certificate.get()) != 1) {
      refuse(refusal, "a trusted certificate");
      return nullptr;
    }
    roots->certificates_.push_back(certificate.release());
  }
  clear_errors();
  if (roots->certificates_.empty() && !options.certificates.empty()) {
    refusal = {"the trusted certificates: there is none in the PEM", ""};
    return nullptr;
  }
  if (options.platform) openssl.X509_STORE_set_default_paths(roots->store_);
  unsigned long flags = kVerifyTrustedFirst;
  if (options.partial_chain) flags |= kVerifyPartialChain;
  if (!options.revoked.empty()) {
    const Bio bio = reader(options.revoked);
    int count = 0;
    while (X509_crl_st* list = openssl.PEM_read_bio_X509_CRL(bio.get(), nullptr, no_passphrase, nullptr)) {
      const int added = openssl.X509_STORE_add_crl(roots->store_, list);
      openssl.X509_CRL_free(list);
      if (added != 1) break;
      ++count;
    }
    if (!is_end_of_pem() || count == 0) {
      refuse(refusal, "the list of revoked certificates");
      return nullptr;
    }
    flags |= kVerifyCrlCheck | kVerifyCrlCheckAll;
  }
  openssl.X509_STORE_set_flags(roots->store_, flags);
  clear_errors();
  return roots;
}

Roots::~Roots() {
  const LeavesNoErrors check;
  for (x509_st* certificate : certificates_) openssl.X509_free(certificate);
  openssl.X509_STORE_free(store_);
  clear_errors();
}

// --- contexts --------------------------------------------------------------------------------------------------------

std::shared_ptr<Context> Context::make(Options& options, Refusal& refusal) {
  const LeavesNoErrors check;
  clear_errors();
  std::shared_ptr<Context> context(new Context());
  const bool made = context->configure(options, refusal);
  for (Identity& identity : options.identities) {
    wipe(identity.key);
  }
  clear_errors();
  return made ? context : nullptr;
}

Context::~Context() {
  const LeavesNoErrors check;
  openssl.SSL_CTX_free(context_);
  openssl.BIO_meth_free(bio_method_);
  clear_errors();
}

bool Context::configure(Options& options, Refusal& refusal) {
  context_ = openssl.SSL_CTX_new(openssl.TLS_method());
  bio_method_ = new_bio_method();
  if (context_ == nullptr || bio_method_ == nullptr) return refuse(refusal, "a context");
  server_ = options.server;
  peer_ = options.peer;
  roots_ = options.roots;
  protocols_ = options.protocols;
  ocsp_response_ = options.ocsp_response;
  requests_ocsp_ = options.requests_ocsp;
  requires_ocsp_ = options.requires_ocsp;
  session_seconds_ = options.session_seconds;
  even_tickets_ = options.even_tickets;
  if (!is_list(protocols_)) return refuse(refusal, "the protocols");
  if (!set_policy(options, refusal)) return false;
  for (Identity& identity : options.identities) {
    if (!use(identity, refusal)) return false;
  }
  return set_callbacks(options) || refuse(refusal, "a context");
}

bool Context::set_policy(const Options& options, Refusal& refusal) {
  // First of all: what is set afterwards is judged by it.
  openssl.SSL_CTX_set_security_level(context_, options.security_level);
  openssl.SSL_CTX_set_options(context_, kOptionNoCompression | kOptionNoRenegotiation |
                                            (options.server ? kOptionCipherServerPreference : 0) |
                                            (options.tickets ? 0 : kOptionNoTicket));
  openssl.SSL_CTX_ctrl(context_, kCtrlMode, kModeReleaseBuffers | kModeNoAutoChain, nullptr);
  openssl.SSL_CTX_ctrl(context_, kCtrlSetMaxCertificateList, kChainMost, nullptr);
  if (openssl.SSL_CTX_ctrl(context_, kCtrlSetMinVersion, options.min_version, nullptr) != 1 ||
      openssl.SSL_CTX_ctrl(context_, kCtrlSetMaxVersion, options.max_version, nullptr) != 1) {
    return refuse(refusal, "the versions");
  }
  if (!options.ciphers.empty() && openssl.SSL_CTX_set_cipher_list(context_, options.ciphers.c_str()) != 1) {
    return refuse(refusal, "the ciphers of TLS 1.2");
  }
  if (!options.suites.empty() && openssl.SSL_CTX_set_ciphersuites(context_, options.suites.c_str()) != 1) {
    return refuse(refusal, "the ciphers of TLS 1.3");
  }
  const auto set_list = [&](int what, const std::string& list) {
    return list.empty() || openssl.SSL_CTX_ctrl(context_, what, 0, const_cast<char*>(list.c_str())) == 1;
  };
  if (!set_list(kCtrlSetGroupsList, options.groups)) return refuse(refusal, "the groups");
  if (!set_list(kCtrlSetSignatureAlgorithmsList, options.signature_algorithms)) {
    return refuse(refusal, "the signature algorithms");
  }
  if (roots_ != nullptr) openssl.SSL_CTX_set1_cert_store(context_, roots_->store());
  const int verify = peer_ == PeerCertificate::kNone      ? kVerifyNone
                     : peer_ == PeerCertificate::kRequest ? kVerifyPeer
                                                          : kVerifyPeer | kVerifyFailIfNoPeerCertificate;
  openssl.SSL_CTX_set_verify(context_, verify, nullptr);
  openssl.SSL_CTX_set_verify_depth(context_, kVerifyDepth);
  if (server_ && roots_ != nullptr && peer_ != PeerCertificate::kNone) {
    for (x509_st* certificate : roots_->certificates()) {
      if (openssl.SSL_CTX_add_client_CA(context_, certificate) != 1) return refuse(refusal, "a trusted certificate");
    }
  }
  openssl.SSL_CTX_set_timeout(context_, options.session_seconds);
  const auto* id = reinterpret_cast<const unsigned char*>(options.session_id_context.data());
  if (openssl.SSL_CTX_set_session_id_context(context_, id, static_cast<unsigned>(options.session_id_context.size())) !=
      1) {
    return refuse(refusal, "the session id context");
  }
  return true;
}

bool Context::use(const Identity& identity, Refusal& refusal) {
  std::vector<Certificate> certificates;
  if (!read_certificates(identity.certificates, certificates)) return refuse(refusal, "the certificate, or its chain");
  if (certificates.empty()) {
    refusal = {"the certificate: there is none in the PEM", ""};
    return false;
  }
  if (openssl.SSL_CTX_use_certificate(context_, certificates[0].get()) != 1) return refuse(refusal, "the certificate");
  const Bio bio = reader(identity.key);
  const Key key(openssl.d2i_PrivateKey_bio(bio.get(), nullptr));
  if (key == nullptr || openssl.SSL_CTX_use_PrivateKey(context_, key.get()) != 1 ||
      openssl.SSL_CTX_check_private_key(context_) != 1) {
    return refuse(refusal, "the private key");
  }
  for (std::size_t i = 1; i < certificates.size(); ++i) {
    // 1: it takes a reference of its own.
    if (openssl.SSL_CTX_ctrl(context_, kCtrlChainCertificate, 1, certificates[i].get()) != 1) {
      return refuse(refusal, "the chain");
    }
  }
  return true;
}

// False when there is no memory.
bool Context::set_callbacks(const Options& options) {
  openssl.SSL_CTX_set_default_passwd_cb(context_, no_passphrase);
  openssl.SSL_CTX_callback_ctrl(context_, kCtrlSetMessageCallback, reinterpret_cast<void (*)()>(on_message));
  if (options.logs_keys) openssl.SSL_CTX_set_keylog_callback(context_, on_key_log);
  if (server_) {
    // Sessions live in tickets: a cache of OpenSSL's may grow without bound (CVE-2024-2511).
    openssl.SSL_CTX_ctrl(context_, kCtrlSetSessionCacheMode, kSessionCacheOff, nullptr);
    if (!options.tickets) openssl.SSL_CTX_set_num_tickets(context_, 0);
    openssl.SSL_CTX_set_tlsext_ticket_key_evp_cb(context_, on_ticket_key);
    openssl.SSL_CTX_set_session_ticket_cb(context_, on_seal_ticket, on_open_ticket, nullptr);
    openssl.SSL_CTX_set_alpn_select_cb(context_, on_alpn, nullptr);
    if (!ocsp_response_.empty()) {
      openssl.SSL_CTX_callback_ctrl(context_, kCtrlSetStatusCallback, reinterpret_cast<void (*)()>(on_status));
    }
    return true;
  }
  openssl.SSL_CTX_ctrl(context_, kCtrlSetSessionCacheMode, kSessionCacheClientOnly, nullptr);
  openssl.SSL_CTX_sess_set_new_cb(context_, on_new_session);
  if (requests_ocsp_ && peer_ != PeerCertificate::kNone) {
    openssl.SSL_CTX_callback_ctrl(context_, kCtrlSetStatusCallback, reinterpret_cast<void (*)()>(on_staple));
  }
  return protocols_.empty() ||
         openssl.SSL_CTX_set_alpn_protos(context_, reinterpret_cast<const unsigned char*>(protocols_.data()),
                                         static_cast<unsigned>(protocols_.size())) == 0;
}

std::shared_ptr<Context> Context::named(const std::string& name) const {
  if (name.empty() || names_.empty()) return nullptr;
  auto found = names_.find(name);
  if (found == names_.end()) {
    const std::size_t dot = name.find('.');
    // "*" + would be taken for a copy onto itself by GCC 12.
    if (dot != std::string::npos && dot > 0) found = names_.find(std::string(1, '*').append(name, dot));
  }
  return found == names_.end() ? nullptr : found->second;
}

}  // namespace skein::tls
