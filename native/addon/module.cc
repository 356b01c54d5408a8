// Registration: what the addon exports, `NativeModule` in src/native.ts.
#include <node_api.h>

#include <string>

#include "addon/call.h"
#include "addon/host.h"
#include "addon/surface.h"
#include "addon/tls_module.h"
#include "addon/values.h"
#include "file/lock.h"

namespace skein {

namespace {

napi_value list_backends(napi_env env, napi_callback_info) {
  List list(env);
  for (const BackendEntry& entry : backends()) {
    const Object row(env);
    row.set("name", entry.name);
    row.set("unavailable", entry.probe());
    row.set("preference", static_cast<double>(entry.preference));
    row.set("driver", entry.pollable ? "pollable" : "waiter");
    list.add(row);
  }
  return list;
}

// (EngineSetup)
napi_value create_engine(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const auto given = [&](const char* name) { return call.property(0, name).arguments[0]; };
  const std::string name = call.property(0, "backend").text(0);
  Setup setup;
  setup.backend = find_backend(name);
  setup.waiter = call.property(0, "driver").text(0) == "waiter";
  setup.completions = given("completions");
  setup.arena = given("arena");
  setup.staging = given("staging");
  setup.dispatch = given("dispatch");
  if (setup.backend == nullptr) {
    napi_throw_error(env, nullptr, ("There is no backend named " + name + " in this build.").c_str());
    return nullptr;
  }
  int error = 0;
  Host* const host = Host::create(env, setup, error);
  if (host == nullptr) {
    const std::string reason = "errno " + std::to_string(-error);
    napi_throw_error(env, nullptr, ("The " + name + " backend cannot be opened: " + reason + ".").c_str());
    return nullptr;
  }
  return make_surface(env, *host);
}

// (descriptor, exclusive): 0, or a negative errno.
napi_value lock_open_file(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  return call.number(lock_file(call.integer(0), call.boolean(1)));
}

}  // namespace

}  // namespace skein

NAPI_MODULE_INIT() {
  using namespace skein;
  const auto add = [&](const char* name, napi_value value) { napi_set_named_property(env, exports, name, value); };
  add("backends", function_to(env, "backends", list_backends));
  add("createEngine", function_to(env, "createEngine", create_engine));
  add("lockFile", function_to(env, "lockFile", lock_open_file));
  add("tls", make_tls(env));
  return exports;
}
