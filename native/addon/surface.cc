// Plain functions, each with the host as its data pointer: that is the cheapest way from JavaScript to C++ (no receiver
// to unwrap). Arguments come from src/internet only, which passes the declared types; what users pass is checked there,
// or (bytes to write) here.
#include "addon/surface.h"

#include <cerrno>
#include <string>

#include "net/socket.h"

namespace skein {

namespace {

struct Call {
  Call(napi_env environment, napi_callback_info info) : env(environment) {
    std::size_t count = kMost;
    void* data = nullptr;
    napi_get_cb_info(env, info, &count, arguments, nullptr, &data);
    host = static_cast<Host*>(data);
  }

  std::int32_t integer(std::size_t i) const {
    std::int32_t value = -1;
    napi_get_value_int32(env, arguments[i], &value);
    return value;
  }

  bool boolean(std::size_t i) const {
    bool value = false;
    napi_get_value_bool(env, arguments[i], &value);
    return value;
  }

  std::string text(std::size_t i) const {
    std::size_t length = 0;
    if (napi_get_value_string_utf8(env, arguments[i], nullptr, 0, &length) != napi_ok) return {};
    std::string value(length, '\0');
    napi_get_value_string_utf8(env, arguments[i], value.data(), length + 1, &length);
    return value;
  }

  bool bytes(std::size_t i, std::span<std::uint8_t>& out) const {
    void* data = nullptr;
    std::size_t length = 0;
    napi_typedarray_type type;
    if (napi_get_typedarray_info(env, arguments[i], &type, &length, &data, nullptr, nullptr) != napi_ok ||
        type != napi_uint8_array) {
      return false;
    }
    out = {static_cast<std::uint8_t*>(data), length};
    return true;
  }

  napi_value number(std::int64_t value) const {
    napi_value result;
    napi_create_int64(env, value, &result);
    return result;
  }

  Engine* engine() const { return host->engine(); }
  Handle handle() const { return integer(0); }

  static constexpr std::size_t kMost = 4;
  napi_env env;
  Host* host = nullptr;
  napi_value arguments[kMost];
};

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

napi_value listen(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  Engine* engine = call.engine();
  if (engine == nullptr) return call.number(-EBADF);
  Address address;
  if (!parse_address(call.text(0), static_cast<std::uint16_t>(call.integer(1)), address)) return call.number(-EINVAL);
  return call.number(engine->listen(address, call.integer(2), call.boolean(3)));
}

napi_value connect(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  Engine* engine = call.engine();
  if (engine == nullptr) return call.number(-EBADF);
  Address address;
  Address bind_to;
  if (!parse_address(call.text(0), static_cast<std::uint16_t>(call.integer(1)), address)) return call.number(-EINVAL);
  const std::string bind_host = call.text(2);
  const bool binds = !bind_host.empty() || call.integer(3) > 0;
  if (binds && !parse_address(bind_host, static_cast<std::uint16_t>(call.integer(3)), bind_to)) {
    return call.number(-EADDRNOTAVAIL);
  }
  return call.number(engine->connect(address, binds ? &bind_to : nullptr));
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
  napi_set_element(env, parts, 0, call.number(address.family() == AF_INET6 ? 6 : 4));
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

napi_value supply_slab(napi_env env, napi_callback_info info) {
  const Call call(env, info);
  std::span<std::uint8_t> slab;
  if (Engine* engine = call.engine(); engine != nullptr && call.bytes(0, slab)) engine->supply_slab(slab);
  return nullptr;
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
  add("flush", flush);
  add("close", on_handle<&Engine::close>);
  add("abort", on_handle<&Engine::abort>);
  add("shutdownWrite", on_handle<&Engine::shutdown_write>);
  add("pauseReading", on_handle<&Engine::pause_reading>);
  add("resumeReading", on_handle<&Engine::resume_reading>);
  add("setBorrows", set_on_handle<&Engine::set_borrows>);
  add("notifyDrain", set_on_handle<&Engine::notify_drain>);
  add("listen", listen);
  add("resumeAccept", on_handle<&Engine::resume_accept>);
  add("connect", connect);
  add("poll", poll);
  add("setInterest", set_interest);
  add("localAddress", address_of<net::local_address>);
  add("peerAddress", address_of<net::peer_address>);
  add("getOption", get_option);
  add("setOption", set_option);
  add("supplySlab", supply_slab);
  add("sweepLingering", sweep_lingering);
  add("start", start);
  add("stop", stop);
  add("destroy", destroy);
  add("stats", stats);
  return surface;
}

}  // namespace skein
