// What JavaScript says of TLS, as the engine has it, and back: `NativeTls` and `TlsQuestions` in src/native.ts.
#pragma once

#include <napi.h>

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "tls/filter.h"

namespace skein {

// A context or roots that JavaScript holds.
template <typename Value>
Napi::Value hand_out(Napi::Env env, std::shared_ptr<Value> value) {
  auto* held = new std::shared_ptr<Value>(std::move(value));
  return Napi::External<std::shared_ptr<Value>>::New(env, held,
                                                     [](Napi::Env, std::shared_ptr<Value>* kept) { delete kept; });
}

// nullptr for undefined and null.
template <typename Value>
std::shared_ptr<Value> taken_from(const Napi::Value& value) {
  if (!value.IsExternal()) return nullptr;
  return *value.As<Napi::External<std::shared_ptr<Value>>>().Data();
}

// The filter of one connection: `TlsRequest`. nullptr without a context.
std::unique_ptr<tls::TlsFilter> filter_for(const Napi::Object& request);

// What may be asked about a connection, or told to it. Their arguments begin at `first`.
struct TlsQuestion {
  const char* name;
  Napi::Value (*ask)(const Napi::CallbackInfo& info, std::size_t first, tls::TlsFilter& filter);
};
inline constexpr std::size_t kTlsQuestions = 10;
std::span<const TlsQuestion, kTlsQuestions> tls_questions();
// Leaves OpenSSL's queue of errors empty.
Napi::Value ask(const TlsQuestion& question, const Napi::CallbackInfo& info, std::size_t first, tls::TlsFilter& filter);

std::string bytes_from(const Napi::Value& value);
// Also of nothing, which is what a property is while a worker is being terminated: node-addon-api would end the
// process.
inline std::string text_from(const Napi::Value& value) {
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : std::string();
}
inline std::int32_t number_from(const Napi::Value& value) {
  return value.IsNumber() ? value.As<Napi::Number>().Int32Value() : 0;
}
inline bool flag_from(const Napi::Value& value) {
  return value.IsBoolean() && value.As<Napi::Boolean>().Value();
}

}  // namespace skein
