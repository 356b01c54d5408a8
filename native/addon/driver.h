// A driver lets an engine live inside Node's loop: it notices that the backend has something, on the loop's thread, and
// calls the engine. Two exist; the same tests run on both.
//
//   pollable   libuv watches the backend's own descriptor. No thread, no extra system call but libuv's own.
//   waiter     a thread blocks in the backend's wait and wakes the loop through a thread-safe function. For backends
//              without such a descriptor, and for runtimes without libuv: it links to no uv_* name.
#pragma once

#include <node_api.h>

#include <functional>
#include <memory>
#include <string>

#include "engine/engine.h"

namespace skein {

class Driver {
 public:
  virtual ~Driver() = default;
  // Begin to watch, and hold the process alive. "" or why it cannot; it may be asked again then.
  virtual std::string start() = 0;
  virtual void stop() = 0;
  // Settle the engine before the loop sleeps again.
  virtual void settle_soon() = 0;
  // Let go of the loop; `closed` is called once nothing refers to the driver any more.
  virtual void close(std::function<void()> closed) = 0;
};

// `after` is called at the end of each call into the engine.
std::unique_ptr<Driver> make_waiter_driver(napi_env env, Engine& engine, std::function<void()> after);
#if defined(_WIN32)
// No backend there has a descriptor that libuv could watch.
inline std::unique_ptr<Driver> make_pollable_driver(napi_env env, Engine& engine, std::function<void()> after) {
  return make_waiter_driver(env, engine, std::move(after));
}
#else
std::unique_ptr<Driver> make_pollable_driver(napi_env env, Engine& engine, std::function<void()> after);
#endif

}  // namespace skein
