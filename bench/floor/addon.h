// What the addons of the floor share: they take strings and numbers, and run until they are done.
#pragma once

#include <node_api.h>

#include <array>
#include <string>

inline std::string text(napi_env env, napi_value value) {
  std::size_t length = 0;
  napi_get_value_string_utf8(env, value, nullptr, 0, &length);
  std::string result(length, '\0');
  napi_get_value_string_utf8(env, value, result.data(), length + 1, &length);
  return result;
}

inline double number(napi_env env, napi_value value) {
  double result = 0;
  napi_get_value_double(env, value, &result);
  return result;
}

inline bool flag(napi_env env, napi_value value) {
  bool result = false;
  napi_get_value_bool(env, value, &result);
  return result;
}

template <std::size_t N>
std::array<napi_value, N> argumentsOf(napi_env env, napi_callback_info info) {
  std::array<napi_value, N> result;
  std::size_t count = N;
  napi_get_cb_info(env, info, &count, result.data(), nullptr, nullptr);
  return result;
}
