// The arguments of one call from JavaScript, of the types that the layer above has declared.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <span>
#include <string>

#include "addon/host.h"

namespace skein {

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

  // A property of an object: for what is asked too rarely to be an argument.
  Call property(std::size_t i, const char* name) const {
    Call of = *this;
    if (napi_get_named_property(env, arguments[i], name, &of.arguments[0]) != napi_ok) {
      napi_get_undefined(env, &of.arguments[0]);
    }
    return of;
  }

  // Of an array; 0 for anything else.
  std::uint32_t length(std::size_t i) const {
    std::uint32_t count = 0;
    napi_get_array_length(env, arguments[i], &count);
    return count;
  }

  Call element(std::size_t i, std::uint32_t index) const {
    Call of = *this;
    if (napi_get_element(env, arguments[i], index, &of.arguments[0]) != napi_ok) {
      napi_get_undefined(env, &of.arguments[0]);
    }
    return of;
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

  // A copy; "" for what has no bytes.
  std::string copied(std::size_t i) const {
    std::span<std::uint8_t> given;
    return bytes(i, given) ? std::string(given.begin(), given.end()) : std::string();
  }

  napi_value number(std::int64_t value) const {
    napi_value result = nullptr;
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

}  // namespace skein
