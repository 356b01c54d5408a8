// The functions of OpenSSL 3 that the engine calls. The addon is linked with no OpenSSL: these are found when it runs,
// in the one that Node brings (openssl.cc), all of them or none. The types are OpenSSL's own, which stay opaque, and
// the constants stand below; tls_openssl_test.cc compares all of it with OpenSSL's headers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/check.h"

struct asn1_string_st;
struct bio_method_st;
struct bio_st;
struct engine_st;
struct evp_cipher_ctx_st;
struct evp_cipher_st;
struct evp_mac_ctx_st;
struct evp_md_st;
struct evp_pkey_st;
struct ocsp_basic_response_st;
struct ocsp_cert_id_st;
struct ocsp_response_st;
struct ossl_param_st;
struct pkcs8_priv_key_info_st;
struct PKCS12_st;
struct ssl_cipher_st;
struct ssl_ctx_st;
struct ssl_method_st;
struct ssl_session_st;
struct ssl_st;
struct stack_st;
struct X509_crl_st;
struct X509_name_st;
struct x509_st;
struct x509_store_ctx_st;
struct x509_store_st;
struct X509_VERIFY_PARAM_st;
struct stack_st_X509;
struct stack_st_X509_NAME;

namespace skein::tls {

using SSL = ssl_st;
using SSL_CTX = ssl_ctx_st;
using BIO = bio_st;

using PasswordCallback = int(char* buffer, int size, int writes, void* argument);
using VerifyCallback = int(int ok, x509_store_ctx_st* context);
using AlpnCallback = int(SSL* ssl, const unsigned char** out, unsigned char* out_length, const unsigned char* in,
                         unsigned in_length, void* argument);
using NewSessionCallback = int(SSL* ssl, ssl_session_st* session);
using NewTicketCallback = int(SSL* ssl, void* argument);
using OpenedTicketCallback = int(SSL* ssl, ssl_session_st* session, const unsigned char* name, std::size_t length,
                                 int status, void* argument);
using KeyLogCallback = void(const SSL* ssl, const char* line);
using TicketKeyCallback = int(SSL* ssl, unsigned char* name, unsigned char* iv, evp_cipher_ctx_st* cipher,
                              evp_mac_ctx_st* mac, int seals);
using MessageCallback = void(int sends, int version, int type, const void* bytes, std::size_t length, SSL* ssl,
                             void* argument);
using StatusCallback = int(SSL* ssl, void* argument);

// F(result, name, (arguments))
#define SKEIN_OPENSSL_FUNCTIONS(F)                                                                                 \
  F(unsigned long, OpenSSL_version_num, ())                                                                        \
  F(const char*, OpenSSL_version, (int))                                                                           \
  F(void*, CRYPTO_malloc, (std::size_t, const char*, int))                                                         \
  F(void, OPENSSL_cleanse, (void*, std::size_t))                                                                   \
  F(int, OPENSSL_sk_num, (const stack_st*))                                                                        \
  F(void*, OPENSSL_sk_value, (const stack_st*, int))                                                               \
  F(void, OPENSSL_sk_pop_free, (stack_st*, void (*)(void*)))                                                       \
  F(int, RAND_bytes, (unsigned char*, int))                                                                        \
  /* errors */                                                                                                     \
  F(void, ERR_clear_error, ())                                                                                     \
  F(unsigned long, ERR_get_error, ())                                                                              \
  F(unsigned long, ERR_peek_error, ())                                                                             \
  F(const char*, ERR_reason_error_string, (unsigned long))                                                         \
  F(const char*, X509_verify_cert_error_string, (long))                                                            \
  /* what a connection reads from and writes to */                                                                 \
  F(bio_method_st*, BIO_meth_new, (int, const char*))                                                              \
  F(void, BIO_meth_free, (bio_method_st*))                                                                         \
  F(int, BIO_meth_set_read, (bio_method_st*, int (*)(BIO*, char*, int)))                                           \
  F(int, BIO_meth_set_write, (bio_method_st*, int (*)(BIO*, const char*, int)))                                    \
  F(int, BIO_meth_set_ctrl, (bio_method_st*, long (*)(BIO*, int, long, void*)))                                    \
  F(BIO*, BIO_new, (const bio_method_st*))                                                                         \
  F(BIO*, BIO_new_mem_buf, (const void*, int))                                                                     \
  F(int, BIO_free, (BIO*))                                                                                         \
  F(void*, BIO_get_data, (BIO*))                                                                                   \
  F(void, BIO_set_data, (BIO*, void*))                                                                             \
  F(void, BIO_set_init, (BIO*, int))                                                                               \
  F(void, BIO_set_flags, (BIO*, int))                                                                              \
  /* contexts */                                                                                                   \
  F(const ssl_method_st*, TLS_method, ())                                                                          \
  F(SSL_CTX*, SSL_CTX_new, (const ssl_method_st*))                                                                 \
  F(void, SSL_CTX_free, (SSL_CTX*))                                                                                \
  F(long, SSL_CTX_ctrl, (SSL_CTX*, int, long, void*))                                                              \
  F(long, SSL_CTX_callback_ctrl, (SSL_CTX*, int, void (*)()))                                                      \
  F(std::uint64_t, SSL_CTX_set_options, (SSL_CTX*, std::uint64_t))                                                 \
  F(void, SSL_CTX_set_security_level, (SSL_CTX*, int))                                                             \
  F(int, SSL_CTX_set_cipher_list, (SSL_CTX*, const char*))                                                         \
  F(int, SSL_CTX_set_ciphersuites, (SSL_CTX*, const char*))                                                        \
  F(int, SSL_CTX_use_certificate, (SSL_CTX*, x509_st*))                                                            \
  F(int, SSL_CTX_use_PrivateKey, (SSL_CTX*, evp_pkey_st*))                                                         \
  F(int, SSL_CTX_check_private_key, (const SSL_CTX*))                                                              \
  F(void, SSL_CTX_set_default_passwd_cb, (SSL_CTX*, PasswordCallback*))                                            \
  F(void, SSL_CTX_set_verify, (SSL_CTX*, int, VerifyCallback*))                                                    \
  F(void, SSL_CTX_set_verify_depth, (SSL_CTX*, int))                                                               \
  F(void, SSL_CTX_set1_cert_store, (SSL_CTX*, x509_store_st*))                                                     \
  F(int, SSL_CTX_add_client_CA, (SSL_CTX*, x509_st*))                                                              \
  F(int, SSL_CTX_set_alpn_protos, (SSL_CTX*, const unsigned char*, unsigned))                                      \
  F(void, SSL_CTX_set_alpn_select_cb, (SSL_CTX*, AlpnCallback*, void*))                                            \
  F(int, SSL_CTX_set_session_id_context, (SSL_CTX*, const unsigned char*, unsigned))                               \
  F(void, SSL_CTX_sess_set_new_cb, (SSL_CTX*, NewSessionCallback*))                                                \
  F(long, SSL_CTX_set_timeout, (SSL_CTX*, long))                                                                   \
  F(int, SSL_CTX_set_num_tickets, (SSL_CTX*, std::size_t))                                                         \
  F(int, SSL_CTX_set_tlsext_ticket_key_evp_cb, (SSL_CTX*, TicketKeyCallback*))                                     \
  F(void, SSL_CTX_set_keylog_callback, (SSL_CTX*, KeyLogCallback*))                                                \
  /* connections */                                                                                                \
  F(SSL*, SSL_new, (SSL_CTX*))                                                                                     \
  F(void, SSL_free, (SSL*))                                                                                        \
  F(long, SSL_ctrl, (SSL*, int, long, void*))                                                                      \
  F(void, SSL_set_bio, (SSL*, BIO*, BIO*))                                                                         \
  F(void, SSL_set_accept_state, (SSL*))                                                                            \
  F(void, SSL_set_connect_state, (SSL*))                                                                           \
  F(int, SSL_set_ex_data, (SSL*, int, void*))                                                                      \
  F(void*, SSL_get_ex_data, (const SSL*, int))                                                                     \
  F(X509_VERIFY_PARAM_st*, SSL_get0_param, (SSL*))                                                                 \
  F(int, SSL_do_handshake, (SSL*))                                                                                 \
  F(int, SSL_is_init_finished, (const SSL*))                                                                       \
  F(int, SSL_read_ex, (SSL*, void*, std::size_t, std::size_t*))                                                    \
  F(int, SSL_write_ex, (SSL*, const void*, std::size_t, std::size_t*))                                             \
  F(int, SSL_get_error, (const SSL*, int))                                                                         \
  F(int, SSL_pending, (const SSL*))                                                                                \
  F(int, SSL_shutdown, (SSL*))                                                                                     \
  F(int, SSL_get_shutdown, (const SSL*))                                                                           \
  F(const char*, SSL_get_version, (const SSL*))                                                                    \
  F(const ssl_cipher_st*, SSL_get_current_cipher, (const SSL*))                                                    \
  F(const char*, SSL_CIPHER_get_name, (const ssl_cipher_st*))                                                      \
  F(const char*, SSL_CIPHER_standard_name, (const ssl_cipher_st*))                                                 \
  F(int, SSL_CIPHER_get_bits, (const ssl_cipher_st*, int*))                                                        \
  F(const char*, SSL_group_to_name, (SSL*, int))                                                                   \
  F(void, SSL_get0_alpn_selected, (const SSL*, const unsigned char**, unsigned*))                                  \
  F(long, SSL_get_verify_result, (const SSL*))                                                                     \
  F(x509_st*, SSL_get_certificate, (const SSL*))                                                                   \
  F(x509_st*, SSL_get1_peer_certificate, (const SSL*))                                                             \
  F(stack_st_X509*, SSL_get_peer_cert_chain, (const SSL*))                                                         \
  F(stack_st_X509*, SSL_get0_verified_chain, (const SSL*))                                                         \
  F(int, SSL_session_reused, (const SSL*))                                                                         \
  F(int, SSL_set_session, (SSL*, ssl_session_st*))                                                                 \
  F(ssl_session_st*, SSL_get_session, (const SSL*))                                                                \
  F(ssl_session_st*, SSL_get1_session, (SSL*))                                                                     \
  F(long, SSL_SESSION_get_time, (const ssl_session_st*))                                                           \
  F(long, SSL_SESSION_set_time, (ssl_session_st*, long))                                                           \
  F(int, SSL_SESSION_is_resumable, (const ssl_session_st*))                                                        \
  F(void, SSL_SESSION_free, (ssl_session_st*))                                                                     \
  F(int, SSL_SESSION_set1_ticket_appdata, (ssl_session_st*, const void*, std::size_t))                             \
  F(int, SSL_SESSION_get0_ticket_appdata, (ssl_session_st*, void**, std::size_t*))                                 \
  F(int, SSL_CTX_set_session_ticket_cb, (SSL_CTX*, NewTicketCallback*, OpenedTicketCallback*, void*))              \
  F(int, i2d_SSL_SESSION, (const ssl_session_st*, unsigned char**))                                                \
  F(ssl_session_st*, d2i_SSL_SESSION, (ssl_session_st**, const unsigned char**, long))                             \
  F(int, SSL_export_keying_material,                                                                               \
    (SSL*, unsigned char*, std::size_t, const char*, std::size_t, const unsigned char*, std::size_t, int))         \
  /* certificates and keys */                                                                                      \
  F(x509_st*, PEM_read_bio_X509, (BIO*, x509_st**, PasswordCallback*, void*))                                      \
  F(X509_crl_st*, PEM_read_bio_X509_CRL, (BIO*, X509_crl_st**, PasswordCallback*, void*))                          \
  F(evp_pkey_st*, d2i_PrivateKey_bio, (BIO*, evp_pkey_st**))                                                       \
  F(pkcs8_priv_key_info_st*, EVP_PKEY2PKCS8, (const evp_pkey_st*))                                                 \
  F(int, i2d_PKCS8_PRIV_KEY_INFO, (const pkcs8_priv_key_info_st*, unsigned char**))                                \
  F(void, PKCS8_PRIV_KEY_INFO_free, (pkcs8_priv_key_info_st*))                                                     \
  F(PKCS12_st*, d2i_PKCS12_bio, (BIO*, PKCS12_st**))                                                               \
  F(int, PKCS12_parse, (PKCS12_st*, const char*, evp_pkey_st**, x509_st**, stack_st_X509**))                       \
  F(void, PKCS12_free, (PKCS12_st*))                                                                               \
  F(int, i2d_X509, (const x509_st*, unsigned char**))                                                              \
  F(void, X509_free, (x509_st*))                                                                                   \
  F(void, X509_CRL_free, (X509_crl_st*))                                                                           \
  F(void, EVP_PKEY_free, (evp_pkey_st*))                                                                           \
  F(x509_store_st*, X509_STORE_new, ())                                                                            \
  F(void, X509_STORE_free, (x509_store_st*))                                                                       \
  F(int, X509_STORE_add_cert, (x509_store_st*, x509_st*))                                                          \
  F(int, X509_STORE_add_crl, (x509_store_st*, X509_crl_st*))                                                       \
  F(int, X509_STORE_set_default_paths, (x509_store_st*))                                                           \
  F(int, X509_STORE_set_flags, (x509_store_st*, unsigned long))                                                    \
  F(int, X509_VERIFY_PARAM_set1_host, (X509_VERIFY_PARAM_st*, const char*, std::size_t))                           \
  F(int, X509_VERIFY_PARAM_set1_ip_asc, (X509_VERIFY_PARAM_st*, const char*))                                      \
  F(void, X509_VERIFY_PARAM_set_hostflags, (X509_VERIFY_PARAM_st*, unsigned))                                      \
  /* stapled responses */                                                                                          \
  F(ocsp_response_st*, d2i_OCSP_RESPONSE, (ocsp_response_st**, const unsigned char**, long))                       \
  F(void, OCSP_RESPONSE_free, (ocsp_response_st*))                                                                 \
  F(int, OCSP_response_status, (ocsp_response_st*))                                                                \
  F(ocsp_basic_response_st*, OCSP_response_get1_basic, (ocsp_response_st*))                                        \
  F(void, OCSP_BASICRESP_free, (ocsp_basic_response_st*))                                                          \
  F(int, OCSP_basic_verify, (ocsp_basic_response_st*, stack_st_X509*, x509_store_st*, unsigned long))              \
  F(ocsp_cert_id_st*, OCSP_cert_to_id, (const evp_md_st*, const x509_st*, const x509_st*))                         \
  F(void, OCSP_CERTID_free, (ocsp_cert_id_st*))                                                                    \
  F(int, OCSP_resp_find_status,                                                                                    \
    (ocsp_basic_response_st*, ocsp_cert_id_st*, int*, int*, asn1_string_st**, asn1_string_st**, asn1_string_st**)) \
  F(int, OCSP_check_validity, (asn1_string_st*, asn1_string_st*, long, long))                                      \
  F(const evp_md_st*, EVP_sha1, ())                                                                                \
  F(const evp_md_st*, EVP_sha256, ())                                                                              \
  F(const evp_md_st*, EVP_sha384, ())                                                                              \
  F(const evp_md_st*, EVP_sha512, ())                                                                              \
  F(int, X509_check_issued, (x509_st*, x509_st*))                                                                  \
  F(void*, X509_get_ext_d2i, (const x509_st*, int, int*, int*))                                                    \
  F(long, ASN1_INTEGER_get, (const asn1_string_st*))                                                               \
  F(void, ASN1_INTEGER_free, (asn1_string_st*))                                                                    \
  /* tickets */                                                                                                    \
  F(const evp_cipher_st*, EVP_aes_256_cbc, ())                                                                     \
  F(int, EVP_EncryptInit_ex,                                                                                       \
    (evp_cipher_ctx_st*, const evp_cipher_st*, engine_st*, const unsigned char*, const unsigned char*))            \
  F(int, EVP_DecryptInit_ex,                                                                                       \
    (evp_cipher_ctx_st*, const evp_cipher_st*, engine_st*, const unsigned char*, const unsigned char*))            \
  F(int, EVP_MAC_CTX_set_params, (evp_mac_ctx_st*, const ossl_param_st*))

// The table.
struct OpenSSL {
#define SKEIN_DECLARE(result, name, arguments) result(*name) arguments = nullptr;
  SKEIN_OPENSSL_FUNCTIONS(SKEIN_DECLARE)
#undef SKEIN_DECLARE
};

// Stands at the beginning of what calls OpenSSL: whatever that did, its queue of errors is empty afterwards. An error
// that stays there would be taken for one of the next call, which may be Node's.
struct LeavesNoErrors {
  inline ~LeavesNoErrors();
};

// Filled by load() before anything else of this folder is used, and never changed afterwards.
extern OpenSSL openssl;

// Looking costs a tenth of clearing what is empty.
inline void clear_errors() {
  if (openssl.ERR_peek_error() != 0) openssl.ERR_clear_error();
}

LeavesNoErrors::~LeavesNoErrors() {
  SK_DEBUG_CHECK(openssl.ERR_peek_error() == 0);
}

// The major versions whose functions and constants these are. scripts/openssl-majors.mjs reads this line.
inline constexpr unsigned kMajors[] = {3};

// Finds every function. Empty when all were found, else why TLS cannot run on this OpenSSL. Only the first call does
// anything, whichever thread makes it; later ones return what it did.
// @param find the address of a function of this name, or nullptr
// @param version the one that the runtime says it has, as in "3.0.19"; "" for whichever it is
const std::string& load(void* (*find)(const char* name), const std::string& version);
// In the program that runs, where all must come from one image: a library that somebody else has loaded is another one.
void* find_in_program(const char* name);

// Of ssl.h, tls1.h, x509_vfy.h, x509v3.h, bio.h, ssl3.h, ocsp.h and obj_mac.h.
enum : int {
  kVersion12 = 0x0303,
  kVersion13 = 0x0304,

  kErrorNone = 0,
  kErrorSSL = 1,
  kErrorWantRead = 2,
  kErrorSyscall = 5,
  kErrorZeroReturn = 6,

  kVerifyNone = 0,
  kVerifyPeer = 1,
  kVerifyFailIfNoPeerCertificate = 2,

  kCtrlSetMessageCallback = 15,
  kCtrlSetMessageCallbackArgument = 16,
  kCtrlMode = 33,
  kCtrlSetSessionCacheMode = 44,
  kCtrlSetMaxCertificateList = 51,
  kCtrlSetHostName = 55,
  kCtrlSetStatusCallback = 63,
  kCtrlSetStatusType = 65,
  kCtrlGetStatusResponse = 70,
  kCtrlSetStatusResponse = 71,
  kCtrlChain = 88,
  kCtrlSetGroupsList = 92,
  kCtrlSetSignatureAlgorithmsList = 98,
  kCtrlGetExtendedMasterSecret = 122,
  kCtrlSetMinVersion = 123,
  kCtrlSetMaxVersion = 124,
  kCtrlGetNegotiatedGroup = 134,

  kModeReleaseBuffers = 0x10,
  kSessionCacheOff = 0,
  kSessionCacheClientOnly = 0x0301,  // SSL_SESS_CACHE_CLIENT and SSL_SESS_CACHE_NO_INTERNAL
  kStatusTypeOCSP = 1,
  kStatusOk = 0,
  kStatusNone = 3,
  kStapleAccepted = 1,
  kStapleRefused = 0,
  kOcspSuccessful = 0,
  kOcspGood = 0,
  kOcspRevoked = 1,
  kOcspUnknown = 2,
  kExtensionTlsFeature = 1020,
  kTicketSuccess = 5,
  kTicketSuccessRenew = 6,
  kTicketIgnoreRenew = 2,
  kTicketUse = 3,
  kTicketUseRenew = 4,
  kAlpnOk = 0,
  kAlpnFatal = 2,
  kHostNameTypeDNS = 0,
  kReceivedShutdown = 2,

  kRecordAlert = 21,
  kRecordHandshake = 22,
  kRecordHeader = 256,
  kMessageKeyUpdate = 24,

  kBioSourceSink = 0x0400,
  kBioFlush = 11,
  kBioRead = 0x01,
  kBioShouldRetry = 0x08,
};

// ERR_GET_LIB and ERR_GET_REASON of err.h, for errors that are not the system's.
inline constexpr unsigned long error_library(unsigned long error) {
  return error >> 23 & 0xff;
}
inline constexpr unsigned long error_reason(unsigned long error) {
  return error & 0x7fffff;
}
inline constexpr unsigned long kErrorLibraryPem = 9;
inline constexpr unsigned long kErrorLibrarySSL = 20;
inline constexpr unsigned long kPemNoStartLine = 108;

inline constexpr std::uint64_t kOptionNoTicket = 1ULL << 14;
inline constexpr std::uint64_t kOptionNoCompression = 1ULL << 17;
inline constexpr std::uint64_t kOptionCipherServerPreference = 1ULL << 22;
inline constexpr std::uint64_t kOptionNoRenegotiation = 1ULL << 30;
inline constexpr unsigned long kVerifyCrlCheck = 0x4;
inline constexpr unsigned long kVerifyCrlCheckAll = 0x8;
inline constexpr unsigned long kVerifyPartialChain = 0x80000;
inline constexpr unsigned long kVerifyTrustedFirst = 0x8000;
inline constexpr unsigned long kOcspNoExplicit = 0x20;
inline constexpr unsigned kHostNeverCheckSubject = 0x20;
inline constexpr unsigned kHostNoPartialWildcards = 0x4;

}  // namespace skein::tls
