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

Napi::Value bytes_to(Napi::Env env, const std::string& bytes) {
  return Napi::Buffer<char>::Copy(env, bytes.data(), bytes.size());
}

// DER of what OpenSSL has.
template <typename Value>
Napi::Value encoded(Napi::Env env, int (*encode)(const Value*, unsigned char**), const Value* value) {
  const int length = encode(value, nullptr);
  if (length <= 0) return env.Undefined();
  auto buffer = Napi::Buffer<unsigned char>::New(env, static_cast<std::size_t>(length));
  // In an environment that is being terminated nothing can be made.
  if (buffer.IsEmpty()) return buffer;
  unsigned char* at = buffer.Data();
  encode(value, &at);
  return buffer;
}

const char* or_empty(const char* text) {
  return text == nullptr ? "" : text;
}

// What was agreed; undefined before the handshake.
Napi::Value agreed(const Napi::CallbackInfo& info, std::size_t, TlsFilter& filter) {
  const Napi::Env env = info.Env();
  SSL* const ssl = filter.ssl();
  if (ssl == nullptr || !filter.is_up()) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  result.Set("version", or_empty(openssl.SSL_get_version(ssl)));
  const ssl_cipher_st* const cipher = openssl.SSL_get_current_cipher(ssl);
  result.Set("cipher", cipher == nullptr ? "" : or_empty(openssl.SSL_CIPHER_get_name(cipher)));
  result.Set("standardCipher", cipher == nullptr ? "" : or_empty(openssl.SSL_CIPHER_standard_name(cipher)));
  result.Set("bits", cipher == nullptr ? 0 : openssl.SSL_CIPHER_get_bits(cipher, nullptr));
  const auto group = static_cast<int>(openssl.SSL_ctrl(ssl, tls::kCtrlGetNegotiatedGroup, 0, nullptr));
  result.Set("group", group == kGroupUnknown ? "" : or_empty(openssl.SSL_group_to_name(ssl, group)));
  const unsigned char* protocol = nullptr;
  unsigned length = 0;
  openssl.SSL_get0_alpn_selected(ssl, &protocol, &length);
  result.Set("protocol", Napi::String::New(env, length == 0 ? "" : reinterpret_cast<const char*>(protocol), length));
  result.Set("resumed", openssl.SSL_session_reused(ssl) == 1);
  result.Set("serverName", filter.server_name());
  result.Set("verify", static_cast<double>(openssl.SSL_get_verify_result(ssl)));
  result.Set("records", static_cast<double>(filter.records_sealed()));
  unsigned char* response = nullptr;
  const long size = openssl.SSL_ctrl(ssl, tls::kCtrlGetStatusResponse, 0, &response);
  if (size > 0) result.Set("ocsp", Napi::Buffer<unsigned char>::Copy(env, response, static_cast<std::size_t>(size)));
  return result;
}

// DER, the peer's own certificate first.
Napi::Value peer_certificates(const Napi::CallbackInfo& info, std::size_t, TlsFilter& filter) {
  const Napi::Env env = info.Env();
  Napi::Array list = Napi::Array::New(env);
  if (filter.ssl() == nullptr) return list;
  x509_st* const own = openssl.SSL_get1_peer_certificate(filter.ssl());
  if (own == nullptr) return list;
  list.Set(list.Length(), encoded(env, openssl.i2d_X509, static_cast<const x509_st*>(own)));
  // A client sees it in the chain as well, a server does not.
  const auto* const chain = reinterpret_cast<stack_st*>(openssl.SSL_get_peer_cert_chain(filter.ssl()));
  for (int i = filter.context().is_server() ? 0 : 1; chain != nullptr && i < openssl.OPENSSL_sk_num(chain); ++i) {
    const auto* one = static_cast<const x509_st*>(openssl.OPENSSL_sk_value(chain, i));
    list.Set(list.Length(), encoded(env, openssl.i2d_X509, one));
  }
  openssl.X509_free(own);
  return list;
}

// DER of the one that this side has shown.
Napi::Value host_certificate(const Napi::CallbackInfo& info, std::size_t, TlsFilter& filter) {
  const x509_st* const shown = filter.established() ? openssl.SSL_get_certificate(filter.ssl()) : nullptr;
  return shown == nullptr ? info.Env().Undefined() : encoded(info.Env(), openssl.i2d_X509, shown);
}

Napi::Value failure(const Napi::CallbackInfo& info, std::size_t, TlsFilter& filter) {
  const Napi::Env env = info.Env();
  const tls::Failure& failed = filter.failure();
  Napi::Object result = Napi::Object::New(env);
  result.Set("fault", static_cast<int>(failed.fault));
  result.Set("code", static_cast<double>(failed.error & 0x7fffff));
  result.Set("reason", failed.error == 0 ? "" : or_empty(openssl.ERR_reason_error_string(failed.error)));
  result.Set("verify", static_cast<double>(failed.verify));
  result.Set("verifyReason", failed.verify == 0 ? "" : or_empty(openssl.X509_verify_cert_error_string(failed.verify)));
  result.Set("alertSent", failed.alert_sent);
  result.Set("beginning", bytes_to(env, failed.beginning));
  result.Set("serverName", filter.server_name());
  return result;
}

Napi::Value hello(const Napi::CallbackInfo& info, std::size_t, TlsFilter& filter) {
  const Napi::Env env = info.Env();
  if (filter.hello() == nullptr) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  result.Set("serverName", filter.server_name());
  result.Set("protocols", bytes_to(env, filter.hello()->protocols()));
  return result;
}

Napi::Value answer(const Napi::CallbackInfo& info, std::size_t first, TlsFilter& filter) {
  const Napi::Value protocol = info[first + 1];
  filter.answer(taken_from<tls::Context>(info[first]),
                protocol.IsString() ? protocol.As<Napi::String>().Utf8Value() : std::string());
  return info.Env().Undefined();
}

Napi::Value refuse(const Napi::CallbackInfo& info, std::size_t first, TlsFilter& filter) {
  filter.refuse(static_cast<std::uint8_t>(info[first].As<Napi::Number>().Uint32Value()));
  return info.Env().Undefined();
}

// DER of those that can be resumed.
Napi::Value sessions(const Napi::CallbackInfo& info, std::size_t, TlsFilter& filter) {
  const Napi::Env env = info.Env();
  Napi::Array list = Napi::Array::New(env);
  for (ssl_session_st* session : filter.take_sessions()) {
    if (openssl.SSL_SESSION_is_resumable(session) == 1) {
      list.Set(list.Length(), encoded(env, openssl.i2d_SSL_SESSION, static_cast<const ssl_session_st*>(session)));
    }
    openssl.SSL_SESSION_free(session);
  }
  return list;
}

Napi::Value key_log(const Napi::CallbackInfo& info, std::size_t, TlsFilter& filter) {
  return Napi::String::New(info.Env(), filter.take_key_log());
}

// RFC 8446, 7.5: (length, label, context or undefined); undefined when it cannot be done.
Napi::Value export_keys(const Napi::CallbackInfo& info, std::size_t first, TlsFilter& filter) {
  const Napi::Env env = info.Env();
  if (filter.ssl() == nullptr || !filter.is_up()) return env.Undefined();
  const std::uint32_t length = info[first].As<Napi::Number>();
  if (length > kExportMost) return env.Undefined();
  const std::string label = info[first + 1].As<Napi::String>();
  const bool has_context = info[first + 2].IsTypedArray();
  const std::string context = bytes_from(info[first + 2]);
  auto keys = Napi::Buffer<unsigned char>::New(env, length);
  // In an environment that is being terminated nothing can be made.
  if (keys.IsEmpty()) return keys;
  openssl.ERR_clear_error();
  const int done = openssl.SSL_export_keying_material(filter.ssl(), keys.Data(), length, label.data(), label.size(),
                                                      reinterpret_cast<const unsigned char*>(context.data()),
                                                      context.size(), has_context ? 1 : 0);
  return done == 1 ? keys : env.Undefined();
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

Napi::Value ask(const TlsQuestion& question, const Napi::CallbackInfo& info, std::size_t first, TlsFilter& filter) {
  const Napi::Value answered = question.ask(info, first, filter);
  openssl.ERR_clear_error();
  return answered;
}

std::string bytes_from(const Napi::Value& value) {
  if (!value.IsTypedArray()) return {};
  const auto bytes = value.As<Napi::Uint8Array>();
  return {reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()};
}

std::unique_ptr<TlsFilter> filter_for(const Napi::Object& request) {
  auto context = taken_from<tls::Context>(request.Get("context"));
  if (context == nullptr) return nullptr;
  if (context->is_server()) return std::make_unique<TlsFilter>(std::move(context));
  return std::make_unique<TlsFilter>(std::move(context), text_from(request.Get("name")),
                                     text_from(request.Get("announced")), bytes_from(request.Get("session")));
}

}  // namespace skein
