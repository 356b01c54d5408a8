#include "addon/host.h"

#include <cerrno>
#include <string_view>

namespace skein {

namespace {

// When its environment ends, Deno has no scope for handles any more, and napi_async_destroy() makes one.
bool is_deno(napi_env env) {
  const napi_node_version* version = nullptr;
  return napi_get_node_version(env, &version) == napi_ok && std::string_view(version->release) == "Deno";
}

}  // namespace

Host* Host::create(napi_env env, const Setup& setup, int& error) {
  Memory memory;
  void* data = nullptr;
  std::size_t length = 0;
  error = -EINVAL;
  if (napi_get_typedarray_info(env, setup.completions, nullptr, &length, &data, nullptr, nullptr) != napi_ok) {
    return nullptr;
  }
  memory.completions = {static_cast<std::int32_t*>(data), length};
  if (napi_get_typedarray_info(env, setup.arena, nullptr, &length, &data, nullptr, nullptr) != napi_ok) return nullptr;
  memory.arena = {static_cast<std::uint8_t*>(data), length};

  std::unique_ptr<Host> host(new Host(env));
  if (napi_get_typedarray_info(env, setup.staging, nullptr, &length, &data, nullptr, nullptr) != napi_ok)
    return nullptr;
  host->staging_ = {static_cast<const std::uint8_t*>(data), length};
  host->engine_ = std::make_unique<Engine>(setup.backend->make(), static_cast<Program&>(*host), memory);
  if (error = host->engine_->open(); error < 0) return nullptr;
  const auto after = [self = host.get()] { self->after_engine(); };
  host->driver_ =
      setup.waiter ? make_waiter_driver(env, *host->engine_, after) : make_pollable_driver(env, *host->engine_, after);

  // The waiter is closed at once, libuv's handles are not. (Deno frees the handle of an asynchronous hook twice.)
  const auto add_hook = [&] {
    return setup.waiter ? napi_add_env_cleanup_hook(
                              env, [](void* self) { on_environment_end(nullptr, self); }, host.get())
                        : napi_add_async_cleanup_hook(env, on_environment_end, host.get(), &host->hook_);
  };
  // Without the hook, the end of the environment would leave the engine with memory that is gone.
  if (!host->create_references(setup) || add_hook() != napi_ok) {
    host->delete_references();
    error = -ENOMEM;
    return nullptr;
  }
  return host.release();
}

bool Host::create_references(const Setup& setup) {
  napi_value name;
  napi_value resource;
  return napi_create_string_utf8(env_, "skein.reactor", NAPI_AUTO_LENGTH, &name) == napi_ok &&
         napi_create_object(env_, &resource) == napi_ok &&
         napi_async_init(env_, resource, name, &context_) == napi_ok &&
         napi_create_reference(env_, resource, 1, &resource_) == napi_ok &&
         napi_create_reference(env_, setup.dispatch, 1, &dispatch_) == napi_ok &&
         napi_create_reference(env_, setup.completions, 1, &memory_[0]) == napi_ok &&
         napi_create_reference(env_, setup.arena, 1, &memory_[1]) == napi_ok &&
         napi_create_reference(env_, setup.staging, 1, &memory_[2]) == napi_ok;
}

// Also when the environment ends: it lives until the hook is removed, and does not free what belongs to an addon.
void Host::delete_references() {
  for (napi_ref reference : {memory_[0], memory_[1], memory_[2], dispatch_, resource_}) {
    if (reference != nullptr) napi_delete_reference(env_, reference);
  }
  if (context_ != nullptr && (!environment_ended_ || !is_deno(env_))) napi_async_destroy(env_, context_);
}

bool Host::dispatch(std::size_t records) {
  napi_value receiver;
  napi_value function;
  napi_value words;
  napi_value result;
  if (napi_get_reference_value(env_, resource_, &receiver) != napi_ok ||
      napi_get_reference_value(env_, dispatch_, &function) != napi_ok ||
      napi_create_uint32(env_, static_cast<std::uint32_t>(records * 4), &words) != napi_ok) {
    return false;
  }
  dispatching_ = true;
  const bool goes_on =
      napi_make_callback(env_, context_, receiver, function, 1, &words, &result) == napi_ok || hand_over_exception();
  dispatching_ = false;
  return goes_on;
}

// Thrown through dispatch: the process decides, as for any uncaught error. False: there is no exception, the
// environment is ending. The program runs here, too, and may call destroy().
bool Host::hand_over_exception() {
  napi_value error;
  bool pending = false;
  if (napi_is_exception_pending(env_, &pending) != napi_ok || !pending ||
      napi_get_and_clear_last_exception(env_, &error) != napi_ok) {
    return false;
  }
  return napi_fatal_exception(env_, error) == napi_ok;
}

bool Host::secure_listener(Handle handle, std::shared_ptr<tls::Context> context) {
  if (engine_ == nullptr) return false;
  if (const auto known = makers_.find(handle); known != makers_.end() && engine_->descriptor(handle) >= 0) {
    known->second->set(std::move(context));
    return true;
  }
  std::erase_if(makers_, [this](const auto& entry) { return engine_->descriptor(entry.first) < 0; });
  auto maker = std::make_unique<tls::TlsMaker>(std::move(context));
  if (!engine_->set_filter_maker(handle, maker.get())) return false;
  makers_[handle] = std::move(maker);
  return true;
}

void Host::destroy() {
  if (dispatching_) {
    destroy_asked_ = true;
  } else {
    tear_down();
  }
}

void Host::after_engine() {
  if (destroy_asked_) tear_down();
}

void Host::tear_down() {
  if (torn_down_) return;
  torn_down_ = true;
  // The waiter's thread uses the backend: the driver goes first, and the engine when nothing refers to it.
  driver_->stop();
  driver_->close([this] { on_driver_closed(); });
}

void Host::on_driver_closed() {
  driver_closed_ = true;
  engine_.reset();
  delete_references();
  if (environment_ended_) vanish();
}

// The environment may go on ending.
void Host::vanish() {
  const napi_async_cleanup_hook_handle hook = hook_;
  delete this;
  if (hook != nullptr) napi_remove_async_cleanup_hook(hook);
}

void Host::on_environment_end(napi_async_cleanup_hook_handle hook, void* self) {
  Host* host = static_cast<Host*>(self);
  host->environment_ended_ = true;
  host->hook_ = hook;
  if (host->driver_closed_) {
    host->vanish();
  } else {
    host->tear_down();
  }
}

}  // namespace skein
