#include "addon/tls_module.h"

#include <algorithm>
#include <initializer_list>

#include "addon/tls_values.h"
#include "tls/pkcs12.h"

namespace skein {

namespace {

using tls::TlsFilter;

// (version): "" when TLS can run on the OpenSSL of this runtime, else why not.
napi_value load(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  return text_to(env, tls::load(tls::find_in_program, call.text(0)));
}

napi_value refused(napi_env env, const tls::Refusal& refusal) {
  const Object result(env);
  result.set("what", refusal.what);
  result.set("reason", refusal.reason);
  return result;
}

// (RootsRequest): the roots, or why they cannot be made.
napi_value create_roots(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  tls::Roots::Options options;
  options.certificates = call.property(0, "certificates").text(0);
  options.platform = call.property(0, "platform").boolean(0);
  options.revoked = call.property(0, "revoked").text(0);
  options.partial_chain = call.property(0, "partialChain").boolean(0);
  tls::Refusal refusal;
  auto roots = tls::Roots::make(options, refusal);
  return roots == nullptr ? refused(env, refusal) : hand_out(env, std::move(roots));
}

// (ContextRequest): the context, or why it cannot be made.
napi_value create_context(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const auto text = [&](const char* name) { return call.property(0, name).text(0); };
  const auto bytes = [&](const char* name) { return call.property(0, name).copied(0); };
  const auto number = [&](const char* name) { return call.property(0, name).integer(0); };
  const auto flag = [&](const char* name) { return call.property(0, name).boolean(0); };
  tls::Context::Options options;
  options.server = flag("server");
  const Call identities = call.property(0, "identities");
  for (std::uint32_t i = 0; i < identities.length(0); ++i) {
    const Call one = identities.element(0, i);
    options.identities.push_back({one.property(0, "certificates").text(0), one.property(0, "key").copied(0)});
  }
  options.roots = taken_from<tls::Roots>(call.property(0, "roots"), 0);
  options.peer = static_cast<tls::PeerCertificate>(number("peer"));
  options.min_version = number("minVersion");
  options.max_version = number("maxVersion");
  options.security_level = number("securityLevel");
  options.ciphers = text("ciphers");
  options.suites = text("suites");
  options.groups = text("groups");
  options.signature_algorithms = text("signatureAlgorithms");
  options.protocols = bytes("protocols");
  options.session_id_context = bytes("sessionIdContext");
  options.session_seconds = number("sessionSeconds");
  options.tickets = flag("tickets");
  options.even_tickets = flag("evenTickets");
  options.ocsp_response = bytes("ocspResponse");
  options.requests_ocsp = flag("requestsOcsp");
  options.requires_ocsp = flag("requiresOcsp");
  options.logs_keys = flag("logsKeys");
  tls::Refusal refusal;
  auto context = tls::Context::make(options, refusal);
  return context == nullptr ? refused(env, refusal) : hand_out(env, std::move(context));
}

// (file, passphrase): the key and the certificates in DER, or why it cannot be opened.
napi_value open_pkcs12(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  std::string passphrase = call.copied(1);
  tls::Container container;
  tls::Refusal refusal;
  const bool opened = tls::open_pkcs12(call.copied(0), passphrase, container, refusal);
  tls::openssl.OPENSSL_cleanse(passphrase.data(), passphrase.size());
  if (!opened) return refused(env, refusal);
  const Object result(env);
  result.set("key", bytes_to(env, container.key));
  List certificates(env);
  for (const std::string& one : container.certificates) certificates.add(bytes_to(env, one));
  result.set("certificates", certificates);
  return result;
}

// (context, name, other): clients that name `name` get the other one.
napi_value add_name(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const auto context = taken_from<tls::Context>(call, 0);
  if (context != nullptr) context->add_name(call.text(1), taken_from<tls::Context>(call, 2));
  return nullptr;
}

// (context): the program is asked about each client.
napi_value ask_always(napi_env env, napi_callback_info info) {
  if (const auto context = taken_from<tls::Context>(Call(env, info), 0)) context->asks = true;
  return nullptr;
}

// (context, keys): false when one has not 80 bytes.
napi_value set_ticket_keys(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const auto context = taken_from<tls::Context>(call, 0);
  std::vector<tls::TicketKeys::Key> keys(call.length(1));
  bool fits = context != nullptr;
  for (std::uint32_t i = 0; fits && i < keys.size(); ++i) {
    std::string bytes = call.element(1, i).copied(0);
    fits = bytes.size() == keys[i].size();
    if (fits) std::copy(bytes.begin(), bytes.end(), keys[i].begin());
    tls::openssl.OPENSSL_cleanse(bytes.data(), bytes.size());
  }
  if (fits) context->ticket_keys().set(keys);
  for (auto& key : keys) tls::openssl.OPENSSL_cleanse(key.data(), key.size());
  return flag_to(env, fits);
}

// --- a filter by itself, for simulated networks ----------------------------------------------------------------------

napi_value numbers(napi_env env, std::initializer_list<double> values) {
  List result(env);
  for (const double value : values) result.add(number_to(env, value));
  return result;
}

std::span<std::uint8_t> span_of(const Call& call, std::size_t i) {
  std::span<std::uint8_t> bytes;
  call.bytes(i, bytes);
  return bytes;
}

// (wire, plain) -> [taken, produced, ended, error, events]
napi_value receive(const Call& call, TlsFilter& filter) {
  const auto got = filter.receive(span_of(call, 0), span_of(call, 1));
  return numbers(call.env, {static_cast<double>(got.taken), static_cast<double>(got.produced), got.ended ? 1. : 0.,
                            static_cast<double>(got.error), static_cast<double>(filter.take_events())});
}

// (plain, wire) -> [taken, produced, error, events]
napi_value send(const Call& call, TlsFilter& filter) {
  const std::span<std::uint8_t> plain = span_of(call, 0);
  const Slice slice{plain.data(), plain.size()};
  const auto sent = filter.send(std::span(&slice, plain.empty() ? 0 : 1), span_of(call, 1));
  return numbers(call.env, {static_cast<double>(sent.taken), static_cast<double>(sent.produced),
                            static_cast<double>(sent.error), static_cast<double>(filter.take_events())});
}

napi_value pending(const Call& call, TlsFilter& filter) {
  return number_to(call.env, static_cast<double>(filter.pending()));
}

napi_value unsent(const Call& call, TlsFilter& filter) {
  return number_to(call.env, static_cast<double>(filter.unsent()));
}

napi_value established(const Call& call, TlsFilter& filter) {
  return flag_to(call.env, filter.established());
}

napi_value waits(const Call& call, TlsFilter& filter) {
  return flag_to(call.env, filter.waits());
}

napi_value truncated(const Call& call, TlsFilter& filter) {
  return number_to(call.env, filter.truncated());
}

napi_value close(const Call&, TlsFilter& filter) {
  filter.close();
  return nullptr;
}

// The one whose method was called; nullptr for anything else.
TlsFilter* filter_of(napi_env env, napi_callback_info info) {
  napi_value self = nullptr;
  void* held = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, &self, nullptr);
  return napi_unwrap(env, self, &held) == napi_ok ? static_cast<TlsFilter*>(held) : nullptr;
}

template <napi_value (*Method)(const Call&, TlsFilter&)>
napi_value on_filter(napi_env env, napi_callback_info info) {
  TlsFilter* const filter = filter_of(env, info);
  return filter == nullptr ? nullptr : Method(Call(env, info), *filter);
}

napi_value ask_filter(napi_env env, napi_callback_info info) {
  void* question = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &question);
  TlsFilter* const filter = filter_of(env, info);
  if (filter == nullptr) return nullptr;
  return ask(*static_cast<const TlsQuestion*>(question), Call(env, info), 0, *filter);
}

// (TlsRequest)
napi_value create_filter(napi_env env, napi_callback_info info) {
  std::unique_ptr<TlsFilter> filter = filter_for(Call(env, info), 0);
  if (filter == nullptr) return nullptr;
  const Object result(env);
  const auto release = [](napi_env, void* held, void*) { delete static_cast<TlsFilter*>(held); };
  if (napi_wrap(env, result, filter.get(), release, nullptr, nullptr) != napi_ok) return nullptr;
  filter.release();
  const auto add = [&](const char* name, napi_callback function, const void* data = nullptr) {
    result.set(name, function_to(env, name, function, const_cast<void*>(data)));
  };
  add("receive", on_filter<receive>);
  add("send", on_filter<send>);
  add("pending", on_filter<pending>);
  add("unsent", on_filter<unsent>);
  add("established", on_filter<established>);
  add("waits", on_filter<waits>);
  add("truncated", on_filter<truncated>);
  add("close", on_filter<close>);
  for (const TlsQuestion& question : tls_questions()) add(question.name, ask_filter, &question);
  return result;
}

}  // namespace

napi_value make_tls(napi_env env) {
  const Object tls(env);
  const auto add = [&](const char* name, napi_callback function) { tls.set(name, function_to(env, name, function)); };
  add("load", load);
  add("createRoots", create_roots);
  add("createContext", create_context);
  add("openPkcs12", open_pkcs12);
  add("addName", add_name);
  add("askAlways", ask_always);
  add("setTicketKeys", set_ticket_keys);
  add("createFilter", create_filter);
  return tls;
}

}  // namespace skein
