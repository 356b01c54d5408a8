// An engine inside a Node environment (the main thread or a worker): owns the engine, its driver and the references to
// JavaScript, turns dispatches into one napi_make_callback, and takes everything down in order.
//
// Teardown: destroy() (or the end of the environment, whichever comes first) closes every descriptor, then lets go of
// the loop, then frees the memory that refers to them. The host itself stays until the environment ends, because the
// functions of its surface may be called for as long; they find no engine then and do nothing. Nothing is static, so
// each worker may load the addon and have engines of its own.
#pragma once

#include <node_api.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>

#include "addon/driver.h"
#include "backend/registry.h"
#include "engine/engine.h"
#include "tls/filter.h"

namespace skein {

struct Setup {
  const BackendEntry* backend = nullptr;
  bool waiter = false;
  napi_value completions = nullptr;  // an Int32Array
  napi_value arena = nullptr;        // a Uint8Array
  napi_value staging = nullptr;      // a Uint8Array
  napi_value dispatch = nullptr;     // (words: number) => void
};

class Host final : private Program {
 public:
  // nullptr, with `error` set to a negative errno, when the backend cannot be opened. Belongs to the environment.
  static Host* create(napi_env env, const Setup& setup, int& error);

  // nullptr once destroyed.
  Engine* engine() { return engine_.get(); }
  // What the layer above has staged to be written: `length` bytes, but no more than there is room for, since a subclass
  // of Uint8Array may say what it likes of its length.
  std::span<const std::uint8_t> staged(std::int32_t length) const {
    return staging_.first(std::min(staging_.size(), static_cast<std::size_t>(std::max(length, 0))));
  }
  // What the listener accepts from here on goes through TLS. False when the handle is void.
  bool secure_listener(Handle handle, std::shared_ptr<tls::Context> context);
  // Both do nothing once destroyed: the driver's handles are closing then. "" or why it cannot start.
  std::string start() { return torn_down_ ? std::string() : driver_->start(); }
  void stop() {
    if (!torn_down_) driver_->stop();
  }
  // Takes effect when the turn under way has ended.
  void destroy();

 private:
  explicit Host(napi_env env) : env_(env) {}

  bool dispatch(std::size_t records) override;
  bool hand_over_exception();
  void settle_soon() override {
    if (driver_ != nullptr) driver_->settle_soon();
  }
  bool create_references(const Setup& setup);
  void delete_references();
  void after_engine();
  void tear_down();
  void on_driver_closed();
  void vanish();
  static void on_environment_end(napi_async_cleanup_hook_handle hook, void* self);

  napi_env env_;
  // Of the engine's listeners, which they outlive.
  std::unordered_map<Handle, std::unique_ptr<tls::TlsMaker>> makers_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Driver> driver_;
  napi_ref memory_[3] = {nullptr, nullptr, nullptr};
  std::span<const std::uint8_t> staging_;
  napi_ref dispatch_ = nullptr;
  napi_ref resource_ = nullptr;
  napi_async_context context_ = nullptr;
  napi_async_cleanup_hook_handle hook_ = nullptr;
  bool dispatching_ = false;
  bool destroy_asked_ = false;
  bool torn_down_ = false;
  bool driver_closed_ = false;
  bool environment_ended_ = false;
};

}  // namespace skein
