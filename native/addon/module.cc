// Registration: what the addon exports, `NativeModule` in src/native.ts.
#include <napi.h>

#include <string>

#include "addon/host.h"
#include "addon/surface.h"
#include "addon/tls_module.h"
#include "file/lock.h"

namespace skein {

namespace {

Napi::Value list_backends(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Napi::Array list = Napi::Array::New(env);
  for (const BackendEntry& entry : backends()) {
    Napi::Object row = Napi::Object::New(env);
    row.Set("name", entry.name);
    row.Set("unavailable", entry.probe());
    row.Set("preference", entry.preference);
    row.Set("driver", entry.pollable ? "pollable" : "waiter");
    list.Set(list.Length(), row);
  }
  return list;
}

Napi::Value create_engine(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const Napi::Object given = info[0].As<Napi::Object>();
  const std::string name = given.Get("backend").As<Napi::String>();
  Setup setup;
  setup.backend = find_backend(name);
  setup.waiter = given.Get("driver").As<Napi::String>().Utf8Value() == "waiter";
  setup.completions = given.Get("completions");
  setup.arena = given.Get("arena");
  setup.staging = given.Get("staging");
  setup.dispatch = given.Get("dispatch");
  if (setup.backend == nullptr) {
    Napi::Error::New(env, "There is no backend named " + name + " in this build.").ThrowAsJavaScriptException();
    return env.Undefined();
  }
  int error = 0;
  Host* host = Host::create(env, setup, error);
  if (host == nullptr) {
    Napi::Error::New(env, "The " + name + " backend cannot be opened: errno " + std::to_string(-error) + ".")
        .ThrowAsJavaScriptException();
    return env.Undefined();
  }
  return Napi::Value(env, make_surface(env, *host));
}

Napi::Value lock_open_file(const Napi::CallbackInfo& info) {
  const int fd = info[0].As<Napi::Number>();
  const bool exclusive = info[1].As<Napi::Boolean>();
  return Napi::Number::New(info.Env(), lock_file(fd, exclusive));
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("backends", Napi::Function::New(env, list_backends, "backends"));
  exports.Set("createEngine", Napi::Function::New(env, create_engine, "createEngine"));
  exports.Set("lockFile", Napi::Function::New(env, lock_open_file, "lockFile"));
  exports.Set("tls", make_tls(env));
  return exports;
}

}  // namespace

NODE_API_MODULE(skein, init)

}  // namespace skein
