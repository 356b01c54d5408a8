#include "addon/tls_surface.h"

#include "addon/tls_values.h"

namespace skein {

namespace {

Handle handle_of(const Napi::CallbackInfo& info) {
  return info[0].As<Napi::Number>().Int32Value();
}
Engine* engine_of(const Napi::CallbackInfo& info) {
  return static_cast<Host*>(info.Data())->engine();
}

// (handle, request): false when the handle is void.
Napi::Value begin(const Napi::CallbackInfo& info) {
  // First: a property may be a function's, which may do anything to the engine.
  auto filter = filter_for(info[1].As<Napi::Object>());
  Engine* const engine = engine_of(info);
  const bool begun = engine != nullptr && engine->set_filter(handle_of(info), std::move(filter));
  return Napi::Boolean::New(info.Env(), begun);
}

// (listener, context): what is accepted from here on is filtered.
Napi::Value listen(const Napi::CallbackInfo& info) {
  auto context = taken_from<tls::Context>(info[1]);
  const bool listens =
      context != nullptr && static_cast<Host*>(info.Data())->secure_listener(handle_of(info), std::move(context));
  return Napi::Boolean::New(info.Env(), listens);
}

// (handle, bytes): what was told as plain and belongs to the filter.
Napi::Value unread(const Napi::CallbackInfo& info) {
  Engine* const engine = engine_of(info);
  const auto wire = info[1].As<Napi::Uint8Array>();
  if (engine != nullptr) engine->unread(handle_of(info), {wire.Data(), wire.ByteLength()});
  return info.Env().Undefined();
}

// The answer to what the filter asked was given.
Napi::Value resume(const Napi::CallbackInfo& info) {
  if (Engine* const engine = engine_of(info)) engine->resume_filter(handle_of(info));
  return info.Env().Undefined();
}

template <std::size_t which>
Napi::Value ask_engine(const Napi::CallbackInfo& info) {
  Engine* const engine = engine_of(info);
  Filter* const filter = engine == nullptr ? nullptr : engine->filter(handle_of(info));
  if (filter == nullptr) return info.Env().Undefined();
  return ask(tls_questions()[which], info, 1, static_cast<tls::TlsFilter&>(*filter));
}

template <std::size_t... which>
void add_questions(Napi::Object surface, Host& host, std::index_sequence<which...>) {
  const auto add = [&](const char* name, Napi::Value (*function)(const Napi::CallbackInfo&)) {
    surface.Set(name, Napi::Function::New(surface.Env(), function, name, &host));
  };
  (add(tls_questions()[which].name, ask_engine<which>), ...);
}

}  // namespace

void add_tls(napi_env env, napi_value surface, Host& host) {
  Napi::Object tls = Napi::Object::New(env);
  tls.Set("begin", Napi::Function::New(env, begin, "begin", &host));
  tls.Set("listen", Napi::Function::New(env, listen, "listen", &host));
  tls.Set("unread", Napi::Function::New(env, unread, "unread", &host));
  tls.Set("resume", Napi::Function::New(env, resume, "resume", &host));
  add_questions(tls, host, std::make_index_sequence<kTlsQuestions>());
  Napi::Object(env, surface).Set("tls", tls);
}

}  // namespace skein
