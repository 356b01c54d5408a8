#include "addon/tls_surface.h"

#include <utility>

#include "addon/tls_values.h"

namespace skein {

namespace {

// (handle, request): false when the handle is void.
napi_value begin(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  // First: a property may be a function's, which may do anything to the engine.
  auto filter = filter_for(call, 1);
  Engine* const engine = call.engine();
  return flag_to(env, engine != nullptr && engine->set_filter(call.handle(), std::move(filter)));
}

// (listener, context): what is accepted from here on is filtered.
napi_value listen(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  auto context = taken_from<tls::Context>(call, 1);
  return flag_to(env, context != nullptr && call.host->secure_listener(call.handle(), std::move(context)));
}

// (handle, bytes): what was told as plain and belongs to the filter.
napi_value unread(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  std::span<std::uint8_t> wire;
  Engine* const engine = call.engine();
  if (engine != nullptr && call.bytes(1, wire)) engine->unread(call.handle(), wire);
  return nullptr;
}

// The answer to what the filter asked was given.
napi_value resume(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  if (Engine* const engine = call.engine()) engine->resume_filter(call.handle());
  return nullptr;
}

template <std::size_t which>
napi_value ask_engine(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  Engine* const engine = call.engine();
  Filter* const filter = engine == nullptr ? nullptr : engine->filter(call.handle());
  if (filter == nullptr) return nullptr;
  return ask(tls_questions()[which], call, 1, static_cast<tls::TlsFilter&>(*filter));
}

template <std::size_t... which>
void add_questions(const Object& surface, Host& host, std::index_sequence<which...>) {
  const auto add = [&](const char* name, napi_callback function) {
    surface.set(name, function_to(surface.env(), name, function, &host));
  };
  (add(tls_questions()[which].name, ask_engine<which>), ...);
}

}  // namespace

void add_tls(napi_env env, napi_value surface, Host& host) {
  const Object tls(env);
  const auto add = [&](const char* name, napi_callback function) {
    tls.set(name, function_to(env, name, function, &host));
  };
  add("begin", begin);
  add("listen", listen);
  add("unread", unread);
  add("resume", resume);
  add_questions(tls, host, std::make_index_sequence<kTlsQuestions>());
  napi_set_named_property(env, surface, "tls", tls);
}

}  // namespace skein
