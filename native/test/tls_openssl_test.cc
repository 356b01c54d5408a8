// Whether our declarations of OpenSSL's functions and constants are its own: with the headers that come with Node,
// where there are any.
#include "tls/openssl.h"

#include "test/test.h"

#if __has_include(<openssl/ssl.h>)
#include <openssl/bio.h>
#include <openssl/core.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <type_traits>

namespace skein::tls {

#define SKEIN_COMPARE(result, name, arguments) \
  static_assert(std::is_same_v<decltype(OpenSSL::name), decltype(&::name)>, #name);
SKEIN_OPENSSL_FUNCTIONS(SKEIN_COMPARE)

static_assert(kVersion12 == TLS1_2_VERSION && kVersion13 == TLS1_3_VERSION);
static_assert(kErrorNone == SSL_ERROR_NONE && kErrorSSL == SSL_ERROR_SSL && kErrorWantRead == SSL_ERROR_WANT_READ);
static_assert(kErrorSyscall == SSL_ERROR_SYSCALL && kErrorZeroReturn == SSL_ERROR_ZERO_RETURN);
static_assert(kVerifyNone == SSL_VERIFY_NONE && kVerifyPeer == SSL_VERIFY_PEER);
static_assert(kVerifyFailIfNoPeerCertificate == SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
static_assert(kCtrlSetMessageCallback == SSL_CTRL_SET_MSG_CALLBACK && kCtrlMode == SSL_CTRL_MODE);
static_assert(kCtrlSetMessageCallbackArgument == SSL_CTRL_SET_MSG_CALLBACK_ARG);
static_assert(kCtrlSetSessionCacheMode == SSL_CTRL_SET_SESS_CACHE_MODE);
static_assert(kCtrlSetMaxCertificateList == SSL_CTRL_SET_MAX_CERT_LIST);
static_assert(kCtrlSetHostName == SSL_CTRL_SET_TLSEXT_HOSTNAME && kHostNameTypeDNS == TLSEXT_NAMETYPE_host_name);
static_assert(kCtrlSetStatusCallback == SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB);
static_assert(kCtrlSetStatusType == SSL_CTRL_SET_TLSEXT_STATUS_REQ_TYPE && kStatusTypeOCSP == TLSEXT_STATUSTYPE_ocsp);
static_assert(kCtrlGetStatusResponse == SSL_CTRL_GET_TLSEXT_STATUS_REQ_OCSP_RESP);
static_assert(kCtrlSetStatusResponse == SSL_CTRL_SET_TLSEXT_STATUS_REQ_OCSP_RESP);
static_assert(kStatusOk == SSL_TLSEXT_ERR_OK && kStatusNone == SSL_TLSEXT_ERR_NOACK);
static_assert(kOcspSuccessful == OCSP_RESPONSE_STATUS_SUCCESSFUL && kOcspNoExplicit == OCSP_NOEXPLICIT);
static_assert(kOcspGood == V_OCSP_CERTSTATUS_GOOD && kOcspRevoked == V_OCSP_CERTSTATUS_REVOKED);
static_assert(kOcspUnknown == V_OCSP_CERTSTATUS_UNKNOWN);
static_assert(kExtensionTlsFeature == NID_tlsfeature);
static_assert(kCtrlChain == SSL_CTRL_CHAIN && kCtrlSetGroupsList == SSL_CTRL_SET_GROUPS_LIST);
static_assert(kCtrlSetSignatureAlgorithmsList == SSL_CTRL_SET_SIGALGS_LIST);
static_assert(kCtrlGetExtendedMasterSecret == SSL_CTRL_GET_EXTMS_SUPPORT);
static_assert(kCtrlSetMinVersion == SSL_CTRL_SET_MIN_PROTO_VERSION &&
              kCtrlSetMaxVersion == SSL_CTRL_SET_MAX_PROTO_VERSION);
static_assert(kCtrlGetNegotiatedGroup == SSL_CTRL_GET_NEGOTIATED_GROUP);
static_assert(kModeReleaseBuffers == SSL_MODE_RELEASE_BUFFERS);
static_assert(kTicketSuccess == SSL_TICKET_SUCCESS);
static_assert(kTicketSuccessRenew == SSL_TICKET_SUCCESS_RENEW);
static_assert(kTicketIgnoreRenew == SSL_TICKET_RETURN_IGNORE_RENEW);
static_assert(kTicketUse == SSL_TICKET_RETURN_USE);
static_assert(kTicketUseRenew == SSL_TICKET_RETURN_USE_RENEW);
static_assert(kSessionCacheOff == SSL_SESS_CACHE_OFF);
static_assert(kSessionCacheClientOnly == (SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL));
static_assert(kAlpnOk == SSL_TLSEXT_ERR_OK && kAlpnFatal == SSL_TLSEXT_ERR_ALERT_FATAL);
static_assert(kReceivedShutdown == SSL_RECEIVED_SHUTDOWN);
static_assert(error_library(ERR_PACK(ERR_LIB_SSL, 0, 7)) == kErrorLibrarySSL && kErrorLibrarySSL == ERR_LIB_SSL);
static_assert(error_reason(ERR_PACK(ERR_LIB_SSL, 0, 7)) == 7);
static_assert(kErrorLibraryPem == ERR_LIB_PEM && kPemNoStartLine == PEM_R_NO_START_LINE);
static_assert(kRecordAlert == SSL3_RT_ALERT && kRecordHeader == SSL3_RT_HEADER);
static_assert(kRecordHandshake == SSL3_RT_HANDSHAKE && kMessageKeyUpdate == SSL3_MT_KEY_UPDATE);
static_assert(kBioSourceSink == BIO_TYPE_SOURCE_SINK && kBioFlush == BIO_CTRL_FLUSH);
static_assert(kBioRead == BIO_FLAGS_READ && kBioShouldRetry == BIO_FLAGS_SHOULD_RETRY);
static_assert(kOptionNoTicket == SSL_OP_NO_TICKET && kOptionNoCompression == SSL_OP_NO_COMPRESSION);
static_assert(kOptionCipherServerPreference == SSL_OP_CIPHER_SERVER_PREFERENCE);
static_assert(kOptionNoRenegotiation == SSL_OP_NO_RENEGOTIATION);
static_assert(kVerifyCrlCheck == X509_V_FLAG_CRL_CHECK && kVerifyCrlCheckAll == X509_V_FLAG_CRL_CHECK_ALL);
static_assert(kVerifyPartialChain == X509_V_FLAG_PARTIAL_CHAIN && kVerifyTrustedFirst == X509_V_FLAG_TRUSTED_FIRST);
static_assert(kHostNeverCheckSubject == X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
static_assert(kHostNoPartialWildcards == X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);

}  // namespace skein::tls
#endif

TEST("a table of which a function is missing names it, and is not used") {
  const std::string& reason = skein::tls::load([](const char*) -> void* { return nullptr; }, "");
  CHECK(reason.find("exports no OpenSSL_version_num()") != std::string::npos);
  CHECK(skein::tls::openssl.SSL_new == nullptr);
}
