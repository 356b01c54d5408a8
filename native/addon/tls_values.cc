#include "addon/tls_values.h"

#include <array>
#include <string>

namespace skein {

namespace {

using tls::openssl;
using tls::SSL;
using tls::TlsFilter;

constexpr int kGroupUnknown = 0;
// RFC 8446, 7.1: its length has two bytes; no more than 255 blocks of HKDF's (RFC 5869, 2.3) can be had.
constexpr std::uint32_t kExportMost = 255 * 48;

std::string_view view(const unsigned char* bytes, std::size_t length) {
  return {reinterpret_cast<const char*>(bytes), length};
}

// A Buffer that `bytes` is to be written to; nullptr when it cannot be made.
napi_value new_buffer(napi_env env, std::size_t length, unsigned char*& bytes) {
  napi_value buffer = nullptr;
  void* data = nullptr;
  if (napi_create_buffer(env, length, &data, &buffer) != napi_ok) return nullptr;
  bytes = static_cast<unsigned char*>(data);
  return buffer;
}

// DER of what OpenSSL has.
template <typename Value>
napi_value encoded(napi_env env, int (*encode)(const Value*, unsigned char**), const Value* value) {
  const int length = encode(value, nullptr);
  unsigned char* at = nullptr;
  napi_value const buffer = length > 0 ? new_buffer(env, static_cast<std::size_t>(length), at) : nullptr;
  if (buffer != nullptr) encode(value, &at);
  return buffer;
}

const char* or_empty(const char* text) {
  return text == nullptr ? "" : text;
}

// RFC 7627, 1: without extended master secret, somebody in the middle may have the same one on both sides.
bool is_bound(SSL* ssl) {
  return std::string_view(or_empty(openssl.SSL_get_version(ssl))) == "TLSv1.3" ||
         openssl.SSL_ctrl(ssl, tls::kCtrlGetExtendedMasterSecret, 0, nullptr) == 1;
}

// What was agreed; undefined before the handshake.
napi_value agreed(const Call& call, std::size_t, TlsFilter& filter) {
  SSL* const ssl = filter.ssl();
  if (ssl == nullptr || !filter.is_up()) return nullptr;
  const Object result(call.env);
  result.set("version", or_empty(openssl.SSL_get_version(ssl)));
  const ssl_cipher_st* const cipher = openssl.SSL_get_current_cipher(ssl);
  result.set("cipher", cipher == nullptr ? "" : or_empty(openssl.SSL_CIPHER_get_name(cipher)));
  result.set("standardCipher", cipher == nullptr ? "" : or_empty(openssl.SSL_CIPHER_standard_name(cipher)));
  result.set("bits", cipher == nullptr ? 0. : openssl.SSL_CIPHER_get_bits(cipher, nullptr));
  const auto group = static_cast<int>(openssl.SSL_ctrl(ssl, tls::kCtrlGetNegotiatedGroup, 0, nullptr));
  result.set("group", group == kGroupUnknown ? "" : or_empty(openssl.SSL_group_to_name(ssl, group)));
  const unsigned char* protocol = nullptr;
  unsigned length = 0;
  openssl.SSL_get0_alpn_selected(ssl, &protocol, &length);
  result.set("protocol", view(protocol, length));
  result.set("resumed", openssl.SSL_session_reused(ssl) == 1);
  result.set("bound", is_bound(ssl));
  result.set("serverName", filter.server_name());
  result.set("verify", static_cast<double>(openssl.SSL_get_verify_result(ssl)));
  result.set("records", static_cast<double>(filter.records_sealed()));
  unsigned char* response = nullptr;
  const long size = openssl.SSL_ctrl(ssl, tls::kCtrlGetStatusResponse, 0, &response);
  if (size > 0) result.set("ocsp", bytes_to(call.env, view(response, static_cast<std::size_t>(size))));
  return result;
}

// DER, the peer's own certificate first.
napi_value peer_certificates(const Call& call, std::size_t, TlsFilter& filter) {
  List list(call.env);
  if (filter.ssl() == nullptr) return list;
  x509_st* const own = openssl.SSL_get1_peer_certificate(filter.ssl());
  if (own == nullptr) return list;
  list.add(encoded(call.env, openssl.i2d_X509, static_cast<const x509_st*>(own)));
  // A client sees it in the chain as well, a server does not.
  const auto* const chain = reinterpret_cast<stack_st*>(openssl.SSL_get_peer_cert_chain(filter.ssl()));
  for (int i = filter.context().is_server() ? 0 : 1; chain != nullptr && i < openssl.OPENSSL_sk_num(chain); ++i) {
    const auto* one = static_cast<const x509_st*>(openssl.OPENSSL_sk_value(chain, i));
    list.add(encoded(call.env, openssl.i2d_X509, one));
  }
  openssl.X509_free(own);
  return list;
}

// DER of the one that this side has shown.
napi_value host_certificate(const Call& call, std::size_t, TlsFilter& filter) {
  const x509_st* const shown = filter.established() ? openssl.SSL_get_certificate(filter.ssl()) : nullptr;
  return shown == nullptr ? nullptr : encoded(call.env, openssl.i2d_X509, shown);
}

napi_value failure(const Call& call, std::size_t, TlsFilter& filter) {
  const tls::Failure& failed = filter.failure();
  const Object result(call.env);
  result.set("fault", static_cast<double>(failed.fault));
  result.set("code", static_cast<double>(failed.error & 0x7fffff));
  result.set("reason", failed.error == 0 ? "" : or_empty(openssl.ERR_reason_error_string(failed.error)));
  result.set("verify", static_cast<double>(failed.verify));
  result.set("verifyReason", failed.verify == 0 ? "" : or_empty(openssl.X509_verify_cert_error_string(failed.verify)));
  result.set("staple", static_cast<double>(failed.staple));
  result.set("alertSent", static_cast<double>(failed.alert_sent));
  result.set("beginning", bytes_to(call.env, failed.beginning));
  result.set("serverName", filter.server_name());
  return result;
}

napi_value hello(const Call& call, std::size_t, TlsFilter& filter) {
  if (filter.hello() == nullptr) return nullptr;
  const Object result(call.env);
  result.set("serverName", filter.server_name());
  result.set("protocols", bytes_to(call.env, filter.hello()->protocols()));
  return result;
}

napi_value answer(const Call& call, std::size_t first, TlsFilter& filter) {
  filter.answer(taken_from<tls::Context>(call, first), call.text(first + 1));
  return nullptr;
}

napi_value refuse(const Call& call, std::size_t first, TlsFilter& filter) {
  filter.refuse(static_cast<std::uint8_t>(call.integer(first)));
  return nullptr;
}

// DER of those that can be resumed.
napi_value sessions(const Call& call, std::size_t, TlsFilter& filter) {
  List list(call.env);
  for (ssl_session_st* session : filter.take_sessions()) {
    if (openssl.SSL_SESSION_is_resumable(session) == 1) {
      list.add(encoded(call.env, openssl.i2d_SSL_SESSION, static_cast<const ssl_session_st*>(session)));
    }
    openssl.SSL_SESSION_free(session);
  }
  return list;
}

napi_value key_log(const Call& call, std::size_t, TlsFilter& filter) {
  return text_to(call.env, filter.take_key_log());
}

// RFC 8446, 7.5: (length, label, context or undefined); undefined when it cannot be done.
napi_value export_keys(const Call& call, std::size_t first, TlsFilter& filter) {
  const auto length = static_cast<std::uint32_t>(call.integer(first));
  if (filter.ssl() == nullptr || !filter.is_up() || length > kExportMost) return nullptr;
  const std::string label = call.text(first + 1);
  std::span<std::uint8_t> context;
  const bool has_context = call.bytes(first + 2, context);
  unsigned char* bytes = nullptr;
  napi_value const keys = new_buffer(call.env, length, bytes);
  if (keys == nullptr) return nullptr;
  tls::clear_errors();
  const int done = openssl.SSL_export_keying_material(filter.ssl(), bytes, length, label.data(), label.size(),
                                                      context.data(), context.size(), has_context ? 1 : 0);
  return done == 1 ? keys : nullptr;
}

constexpr std::array<TlsQuestion, kTlsQuestions> kQuestions = {{
    {"agreed", agreed},
    {"peerCertificates", peer_certificates},
    {"hostCertificate", host_certificate},
    {"failure", failure},
    {"hello", hello},
    {"answer", answer},
    {"refuse", refuse},
    {"sessions", sessions},
    {"keyLog", key_log},
    {"exportKeys", export_keys},
}};

}  // namespace

std::span<const TlsQuestion, kTlsQuestions> tls_questions() {
  return kQuestions;
}

napi_value ask(const TlsQuestion& question, const Call& call, std::size_t first, TlsFilter& filter) {
  const tls::LeavesNoErrors check;
  napi_value const answered = question.ask(call, first, filter);
  tls::clear_errors();
  return answered;
}

std::unique_ptr<TlsFilter> filter_for(const Call& call, std::size_t i) {
  auto context = taken_from<tls::Context>(call.property(i, "context"), 0);
  if (context == nullptr) return nullptr;
  if (context->is_server()) return std::make_unique<TlsFilter>(std::move(context));
  return std::make_unique<TlsFilter>(std::move(context), call.property(i, "name").text(0),
                                     call.property(i, "announced").text(0), call.property(i, "session").copied(0));
}

}  // namespace skein
