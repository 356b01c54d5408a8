// What JavaScript says of TLS, as the engine has it, and back: `NativeTls` and `TlsQuestions` in src/native.ts.
#pragma once

#include <node_api.h>

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "addon/call.h"
#include "addon/values.h"
#include "tls/filter.h"

namespace skein {

// A context or roots that JavaScript holds: an object around it, and no external, of which Node 20 keeps 40 bytes when
// its environment ends.
template <typename Value>
napi_value hand_out(napi_env env, std::shared_ptr<Value> value) {
  using Held = std::shared_ptr<Value>;
  auto held = std::make_unique<Held>(std::move(value));
  const auto release = [](napi_env, void* kept, void*) { delete static_cast<Held*>(kept); };
  napi_value object = nullptr;
  if (napi_create_object(env, &object) != napi_ok) return nullptr;
  if (napi_wrap(env, object, held.get(), release, nullptr, nullptr) == napi_ok) held.release();
  return object;
}

// nullptr for undefined and null.
template <typename Value>
std::shared_ptr<Value> taken_from(const Call& call, std::size_t i) {
  void* held = nullptr;
  if (napi_unwrap(call.env, call.arguments[i], &held) != napi_ok) return nullptr;
  return *static_cast<std::shared_ptr<Value>*>(held);
}

// The filter of one connection: the argument `i` is its `TlsRequest`. nullptr without a context.
std::unique_ptr<tls::TlsFilter> filter_for(const Call& call, std::size_t i);

// What may be asked about a connection, or told to it. Their arguments begin at `first`.
struct TlsQuestion {
  const char* name;
  napi_value (*ask)(const Call& call, std::size_t first, tls::TlsFilter& filter);
};
inline constexpr std::size_t kTlsQuestions = 10;
std::span<const TlsQuestion, kTlsQuestions> tls_questions();
// Leaves OpenSSL's queue of errors empty.
napi_value ask(const TlsQuestion& question, const Call& call, std::size_t first, tls::TlsFilter& filter);

}  // namespace skein
