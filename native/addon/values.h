// Values for JavaScript, made with Node-API's own functions: those of node-addon-api end the process when one fails,
// which many do while a worker is being terminated. Here what cannot be made is nullptr: undefined as a result, and
// left out of an object or a list.
#pragma once

#include <node_api.h>

#include <cstdint>
#include <string_view>

namespace skein {

inline napi_value number_to(napi_env env, double number) {
  napi_value value = nullptr;
  napi_create_double(env, number, &value);
  return value;
}

inline napi_value flag_to(napi_env env, bool flag) {
  napi_value value = nullptr;
  napi_get_boolean(env, flag, &value);
  return value;
}

inline napi_value text_to(napi_env env, std::string_view text) {
  napi_value value = nullptr;
  napi_create_string_utf8(env, text.data(), text.size(), &value);
  return value;
}

// A Buffer with a copy.
inline napi_value bytes_to(napi_env env, std::string_view bytes) {
  napi_value value = nullptr;
  napi_create_buffer_copy(env, bytes.size(), bytes.data(), nullptr, &value);
  return value;
}

inline napi_value function_to(napi_env env, const char* name, napi_callback function, void* data = nullptr) {
  napi_value value = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, function, data, &value);
  return value;
}

class Object {
 public:
  explicit Object(napi_env env) : env_(env) { napi_create_object(env, &value_); }

  void set(const char* name, napi_value value) const { napi_set_named_property(env_, value_, name, value); }
  void set(const char* name, std::string_view text) const { set(name, text_to(env_, text)); }
  void set(const char* name, const char* text) const { set(name, std::string_view(text)); }
  void set(const char* name, double number) const { set(name, number_to(env_, number)); }
  void set(const char* name, bool flag) const { set(name, flag_to(env_, flag)); }
  napi_env env() const { return env_; }
  operator napi_value() const { return value_; }

 private:
  napi_env env_;
  napi_value value_ = nullptr;
};

class List {
 public:
  explicit List(napi_env env) : env_(env) { napi_create_array(env, &value_); }

  void add(napi_value value) { napi_set_element(env_, value_, length_++, value); }
  operator napi_value() const { return value_; }

 private:
  napi_env env_;
  napi_value value_ = nullptr;
  std::uint32_t length_ = 0;
};

}  // namespace skein
