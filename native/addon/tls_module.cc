#include "addon/tls_module.h"

#include "addon/tls_values.h"
#include "tls/pkcs12.h"

namespace skein {

namespace {

// (version): "" when TLS can run on the OpenSSL of this runtime, else why not.
Napi::Value load(const Napi::CallbackInfo& info) {
  const std::string version = info[0].As<Napi::String>();
  return Napi::String::New(info.Env(), tls::load(tls::find_in_program, version));
}

Napi::Value refused(Napi::Env env, const tls::Refusal& refusal) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("what", refusal.what);
  result.Set("reason", refusal.reason);
  return result;
}

// (RootsRequest): the roots, or why they cannot be made.
Napi::Value create_roots(const Napi::CallbackInfo& info) {
  const Napi::Object given = info[0].As<Napi::Object>();
  tls::Roots::Options options;
  options.certificates = text_from(given.Get("certificates"));
  options.platform = flag_from(given.Get("platform"));
  options.revoked = text_from(given.Get("revoked"));
  options.partial_chain = flag_from(given.Get("partialChain"));
  tls::Refusal refusal;
  auto roots = tls::Roots::make(options, refusal);
  return roots == nullptr ? refused(info.Env(), refusal) : hand_out(info.Env(), std::move(roots));
}

tls::Context::Identity identity_from(const Napi::Object& given) {
  tls::Context::Identity identity;
  identity.certificates = text_from(given.Get("certificates"));
  identity.key = bytes_from(given.Get("key"));
  return identity;
}

// (ContextRequest): the context, or why it cannot be made.
Napi::Value create_context(const Napi::CallbackInfo& info) {
  const Napi::Object given = info[0].As<Napi::Object>();
  const auto text = [&](const char* name) { return text_from(given.Get(name)); };
  const auto number = [&](const char* name) { return number_from(given.Get(name)); };
  const auto flag = [&](const char* name) { return flag_from(given.Get(name)); };
  tls::Context::Options options;
  options.server = flag("server");
  if (const Napi::Value identities = given.Get("identities"); identities.IsArray()) {
    const auto list = identities.As<Napi::Array>();
    for (std::uint32_t i = 0; i < list.Length(); ++i) {
      if (const Napi::Value one = list.Get(i); one.IsObject()) {
        options.identities.push_back(identity_from(one.As<Napi::Object>()));
      }
    }
  }
  options.roots = taken_from<tls::Roots>(given.Get("roots"));
  options.peer = static_cast<tls::PeerCertificate>(number("peer"));
  options.min_version = number("minVersion");
  options.max_version = number("maxVersion");
  options.security_level = number("securityLevel");
  options.ciphers = text("ciphers");
  options.suites = text("suites");
  options.groups = text("groups");
  options.signature_algorithms = text("signatureAlgorithms");
  options.protocols = bytes_from(given.Get("protocols"));
  options.session_id_context = bytes_from(given.Get("sessionIdContext"));
  options.session_seconds = number("sessionSeconds");
  options.tickets = flag("tickets");
  options.ocsp_response = bytes_from(given.Get("ocspResponse"));
  options.requests_ocsp = flag("requestsOcsp");
  options.logs_keys = flag("logsKeys");
  tls::Refusal refusal;
  auto context = tls::Context::make(options, refusal);
  return context == nullptr ? refused(info.Env(), refusal) : hand_out(info.Env(), std::move(context));
}

// (file, passphrase): the key and the certificates in DER, or why it cannot be opened.
Napi::Value open_pkcs12(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  std::string passphrase = bytes_from(info[1]);
  tls::Container container;
  tls::Refusal refusal;
  const bool opened = tls::open_pkcs12(bytes_from(info[0]), passphrase, container, refusal);
  tls::openssl.OPENSSL_cleanse(passphrase.data(), passphrase.size());
  if (!opened) return refused(env, refusal);
  Napi::Object result = Napi::Object::New(env);
  result.Set("key", Napi::Buffer<char>::Copy(env, container.key.data(), container.key.size()));
  Napi::Array certificates = Napi::Array::New(env);
  for (const std::string& one : container.certificates) {
    certificates.Set(certificates.Length(), Napi::Buffer<char>::Copy(env, one.data(), one.size()));
  }
  result.Set("certificates", certificates);
  return result;
}

// (context, name, other): clients that name `name` get the other one.
Napi::Value add_name(const Napi::CallbackInfo& info) {
  taken_from<tls::Context>(info[0])->add_name(info[1].As<Napi::String>(), taken_from<tls::Context>(info[2]));
  return info.Env().Undefined();
}

// (context): the program is asked about each client.
Napi::Value ask_always(const Napi::CallbackInfo& info) {
  taken_from<tls::Context>(info[0])->asks = true;
  return info.Env().Undefined();
}

// (context, keys): false when one has not 80 bytes.
Napi::Value set_ticket_keys(const Napi::CallbackInfo& info) {
  const Napi::Array given = info[1].As<Napi::Array>();
  std::vector<tls::TicketKeys::Key> keys(given.Length());
  for (std::uint32_t i = 0; i < given.Length(); ++i) {
    std::string bytes = bytes_from(given.Get(i));
    const bool fits = bytes.size() == keys[i].size();
    if (fits) std::copy(bytes.begin(), bytes.end(), keys[i].begin());
    tls::openssl.OPENSSL_cleanse(bytes.data(), bytes.size());
    if (!fits) return Napi::Boolean::New(info.Env(), false);
  }
  taken_from<tls::Context>(info[0])->ticket_keys().set(keys);
  for (auto& key : keys) tls::openssl.OPENSSL_cleanse(key.data(), key.size());
  return Napi::Boolean::New(info.Env(), true);
}

std::span<std::uint8_t> span_of(const Napi::Value& value) {
  auto bytes = value.As<Napi::Uint8Array>();
  return {bytes.Data(), bytes.ByteLength()};
}

Napi::Value numbers(Napi::Env env, std::initializer_list<double> values) {
  Napi::Array result = Napi::Array::New(env, values.size());
  std::uint32_t at = 0;
  for (const double value : values) result.Set(at++, value);
  return result;
}

// (TlsRequest): a filter by itself, for simulated networks.
Napi::Value create_filter(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<tls::TlsFilter> filter = filter_for(info[0].As<Napi::Object>());
  if (filter == nullptr) return env.Undefined();
  Napi::Object result = Napi::Object::New(env);
  const auto add = [&](const char* name, auto function) { result.Set(name, Napi::Function::New(env, function, name)); };
  // (wire, plain) -> [taken, produced, ended, error, events]
  add("receive", [filter](const Napi::CallbackInfo& call) {
    const auto got = filter->receive(span_of(call[0]), span_of(call[1]));
    return numbers(call.Env(), {static_cast<double>(got.taken), static_cast<double>(got.produced), got.ended ? 1. : 0.,
                                static_cast<double>(got.error), static_cast<double>(filter->take_events())});
  });
  // (plain, wire) -> [taken, produced, error, events]
  add("send", [filter](const Napi::CallbackInfo& call) {
    const std::span<std::uint8_t> plain = span_of(call[0]);
    const Slice slice{plain.data(), plain.size()};
    const auto sent = filter->send(std::span(&slice, plain.empty() ? 0 : 1), span_of(call[1]));
    return numbers(call.Env(), {static_cast<double>(sent.taken), static_cast<double>(sent.produced),
                                static_cast<double>(sent.error), static_cast<double>(filter->take_events())});
  });
  add("pending", [filter](const Napi::CallbackInfo& call) {
    return Napi::Number::New(call.Env(), static_cast<double>(filter->pending()));
  });
  add("unsent", [filter](const Napi::CallbackInfo& call) {
    return Napi::Number::New(call.Env(), static_cast<double>(filter->unsent()));
  });
  add("established",
      [filter](const Napi::CallbackInfo& call) { return Napi::Boolean::New(call.Env(), filter->established()); });
  add("waits", [filter](const Napi::CallbackInfo& call) { return Napi::Boolean::New(call.Env(), filter->waits()); });
  add("truncated",
      [filter](const Napi::CallbackInfo& call) { return Napi::Number::New(call.Env(), filter->truncated()); });
  add("close", [filter](const Napi::CallbackInfo& call) {
    filter->close();
    return call.Env().Undefined();
  });
  for (const TlsQuestion& question : tls_questions()) {
    add(question.name, [filter, &question](const Napi::CallbackInfo& call) { return ask(question, call, 0, *filter); });
  }
  return result;
}

}  // namespace

Napi::Object make_tls(Napi::Env env) {
  Napi::Object tls = Napi::Object::New(env);
  tls.Set("load", Napi::Function::New(env, load, "load"));
  tls.Set("createRoots", Napi::Function::New(env, create_roots, "createRoots"));
  tls.Set("createContext", Napi::Function::New(env, create_context, "createContext"));
  tls.Set("openPkcs12", Napi::Function::New(env, open_pkcs12, "openPkcs12"));
  tls.Set("addName", Napi::Function::New(env, add_name, "addName"));
  tls.Set("askAlways", Napi::Function::New(env, ask_always, "askAlways"));
  tls.Set("setTicketKeys", Napi::Function::New(env, set_ticket_keys, "setTicketKeys"));
  tls.Set("createFilter", Napi::Function::New(env, create_filter, "createFilter"));
  return tls;
}

}  // namespace skein
