// Plain functions, each with the host as its data pointer: that is the cheapest way from JavaScript to C++ (no receiver
// to unwrap). Arguments come from src/internet only, which passes the declared types; what users pass is checked there,
// or (bytes to write) here.
#include "addon/surface.h"

#include <cerrno>
#include <string>

#include "addon/call.h"
#include "addon/tls_surface.h"
#include "net/socket.h"

namespace skein {

namespace {

napi_value write(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  std::span<std::uint8_t> bytes;
  if (!call.bytes(1, bytes)) {
    napi_throw_type_error(env, "ERR_INVALID_ARG_TYPE", "write() takes a string or a Uint8Array (a Buffer is one).");
    return nullptr;
  }
  Engine* engine = call.engine();
  return call.number(engine == nullptr ? -1 : engine->write(call.handle(), bytes));
}

// Of bytes that the layer above has copied to memory that both know: see src/internet/engine/stagedwrites.ts.
napi_value write_staged(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  Engine* engine = call.engine();
  return call.number(engine == nullptr ? -1 : engine->write(call.handle(), call.host->staged(call.integer(1))));
}

// A function of the engine that takes a handle and gives nothing.
template <void (Engine::*Verb)(Handle)>
napi_value on_handle(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  if (Engine* engine = call.engine()) (engine->*Verb)(call.handle());
  return nullptr;
}

template <void (Engine::*Verb)(Handle, bool)>
napi_value set_on_handle(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  if (Engine* engine = call.engine()) (engine->*Verb)(call.handle(), call.boolean(1));
  return nullptr;
}

napi_value flush(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  if (Engine* engine = call.engine()) engine->flush();
  return nullptr;
}

// Where a request (ListenRequest or ConnectRequest in src/native.ts) points. False: it is no address.
bool requested_address(const Call& call, Address& address) {
  if (const std::string path = call.property(0, "path").text(0); !path.empty()) return unix_address(path, address);
  const auto port = static_cast<std::uint16_t>(call.property(0, "port").integer(0));
  return parse_address(call.property(0, "host").text(0), port, address);
}

napi_value listen(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  Engine* engine = call.engine();
  if (engine == nullptr) return call.number(-EBADF);
  Address address;
  if (!requested_address(call, address)) return call.number(-EINVAL);
  return call.number(
      engine->listen(address, call.property(0, "backlog").integer(0), call.property(0, "reusePort").boolean(0)));
}

napi_value connect(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  Engine* engine = call.engine();
  if (engine == nullptr) return call.number(-EBADF);
  Address address;
  Address bind_to;
  if (!requested_address(call, address)) return call.number(-EINVAL);
  const std::string bind_host = call.property(0, "bindHost").text(0);
  const std::int32_t bind_port = call.property(0, "bindPort").integer(0);
  const bool binds = !bind_host.empty() || bind_port > 0;
  if (binds && !parse_address(bind_host, static_cast<std::uint16_t>(bind_port), bind_to)) {
    return call.number(-EADDRNOTAVAIL);
  }
  return call.number(engine->connect(address, binds ? &bind_to : nullptr));
}

napi_value adopt(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  Engine* engine = call.engine();
  return call.number(engine == nullptr ? -EBADF : engine->adopt(call.integer(0), call.boolean(1)));
}

// [family, host, port, scope] or a negative errno.
template <int (*Get)(Descriptor, Address&)>
napi_value address_of(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Descriptor fd = call.engine() == nullptr ? kNoDescriptor : call.engine()->descriptor(call.handle());
  Address address;
  if (const int result = fd < 0 ? -EBADF : Get(fd, address); result < 0) return call.number(result);
  const std::string host = address.host();
  napi_value parts;
  napi_value text;
  napi_create_array_with_length(env, 4, &parts);
  napi_create_string_utf8(env, host.data(), host.size(), &text);
  napi_set_element(env, parts, 0, call.number(address.number()));
  napi_set_element(env, parts, 1, text);
  napi_set_element(env, parts, 2, call.number(address.port()));
  napi_set_element(env, parts, 3, call.number(address.scope()));
  return parts;
}

napi_value get_option(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Descriptor fd = call.engine() == nullptr ? kNoDescriptor : call.engine()->descriptor(call.handle());
  return call.number(fd < 0 ? -EBADF : net::get_option(fd, static_cast<net::Option>(call.integer(1))));
}

napi_value set_option(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Descriptor fd = call.engine() == nullptr ? kNoDescriptor : call.engine()->descriptor(call.handle());
  return call.number(fd < 0 ? -EBADF
                            : net::set_option(fd, static_cast<net::Option>(call.integer(1)), call.integer(2) != 0));
}

napi_value poll(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  Engine* engine = call.engine();
  if (engine == nullptr) return call.number(-EBADF);
  return call.number(engine->poll(call.integer(0), static_cast<std::uint32_t>(call.integer(1))));
}

napi_value set_interest(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  Engine* engine = call.engine();
  if (engine == nullptr) return call.number(-EBADF);
  return call.number(engine->set_interest(call.handle(), static_cast<std::uint32_t>(call.integer(1))));
}

napi_value sweep_lingering(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  Engine* engine = call.engine();
  return call.number(engine == nullptr ? 0 : static_cast<std::int64_t>(engine->sweep_lingering()));
}

napi_value start(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const std::string reason = call.host->start();
  if (!reason.empty()) {
    napi_throw_error(env, "ERR_REACTOR_NOT_AVAILABLE", ("The reactor cannot start: " + reason + ".").c_str());
  }
  return nullptr;
}

napi_value stop(napi_env env, napi_callback_info info) {
  Call(env, info).host->stop();
  return nullptr;
}

napi_value destroy(napi_env env, napi_callback_info info) {
  Call(env, info).host->destroy();
  return nullptr;
}

napi_value stats(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  const Engine* engine = call.engine();
  const Stats counted = engine == nullptr ? Stats{} : engine->stats();
  const std::uint64_t blocks = engine == nullptr ? 0 : engine->blocks_allocated();
  napi_value result;
  napi_create_object(env, &result);
  const auto put = [&](const char* name, std::uint64_t value) {
    napi_set_named_property(env, result, name, call.number(static_cast<std::int64_t>(value)));
  };
  put("turns", counted.turns);
  put("crossings", counted.crossings);
  put("stale", counted.stale);
  put("blocksAllocated", blocks);
  put("connections", counted.connections);
  put("lingering", counted.lingering);
  return result;
}

}  // namespace

napi_value make_surface(napi_env env, Host& host) {
  napi_value surface;
  napi_create_object(env, &surface);
  const auto add = [&](const char* name, napi_callback function) {
    napi_value value;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, function, &host, &value);
    napi_set_named_property(env, surface, name, value);
  };
  add("write", write);
  add("writeStaged", write_staged);
  add("flush", flush);
  add("close", on_handle<&Engine::close>);
  add("abort", on_handle<&Engine::abort>);
  add("shutdownWrite", on_handle<&Engine::shutdown_write>);
  add("pauseReading", on_handle<&Engine::pause_reading>);
  add("resumeReading", on_handle<&Engine::resume_reading>);
  add("probe", on_handle<&Engine::probe>);
  add("notifyDrain", set_on_handle<&Engine::notify_drain>);
  add("listen", listen);
  add("resumeAccept", on_handle<&Engine::resume_accept>);
  add("connect", connect);
  add("adopt", adopt);
  add("poll", poll);
  add("setInterest", set_interest);
  add("localAddress", address_of<net::local_address>);
  add("peerAddress", address_of<net::peer_address>);
  add("getOption", get_option);
  add("setOption", set_option);
  add("sweepLingering", sweep_lingering);
  add("start", start);
  add("stop", stop);
  add("destroy", destroy);
  add("stats", stats);
  add_tls(env, surface, host);
  return surface;
}

}  // namespace skein
