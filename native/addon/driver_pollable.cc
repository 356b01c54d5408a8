// One uv_poll_t on the backend's descriptor, level-triggered, one wait(0) an event and no spinning, so that libuv's
// other work gets its turn. A uv_prepare_t flushes what was written outside a turn (timers, promises) before the loop
// sleeps; a uv_idle_t keeps the loop from sleeping while something is left to settle.
#include <uv.h>

#include "addon/driver.h"

namespace skein {

namespace {

class PollableDriver final : public Driver {
 public:
  PollableDriver(napi_env env, Engine& engine, std::function<void()> after)
      : env_(env), engine_(engine), after_(std::move(after)) {}

  bool start() override {
    if (!opened_ && !open()) return false;
    uv_poll_start(&poll_, UV_READABLE, [](uv_poll_t* handle, int, int) { self(handle).run(&PollableDriver::turn); });
    uv_prepare_start(&prepare_, [](uv_prepare_t* handle) { self(handle).run(&PollableDriver::settle); });
    return true;
  }

  void stop() override {
    if (!opened_) return;
    uv_poll_stop(&poll_);
    uv_prepare_stop(&prepare_);
    uv_idle_stop(&idle_);
  }

  // The prepare hook comes before every sleep; it is told apart from a hook of an earlier phase of the same loop by the
  // idle handle, which it starts when it leaves something behind.
  void settle_soon() override {}

  void close(std::function<void()> closed) override {
    closed_ = std::move(closed);
    if (!opened_) {
      closed_();
      return;
    }
    open_handles_ = 3;
    for (uv_handle_t* handle : {base(&poll_), base(&prepare_), base(&idle_)}) {
      uv_close(handle, [](uv_handle_t* done) {
        PollableDriver& driver = self(done);
        if (--driver.open_handles_ == 0) driver.closed_();
      });
    }
  }

 private:
  template <typename UvHandle>
  static PollableDriver& self(UvHandle* handle) {
    return *static_cast<PollableDriver*>(handle->data);
  }

  template <typename UvHandle>
  static uv_handle_t* base(UvHandle* handle) {
    return reinterpret_cast<uv_handle_t*>(handle);
  }

  bool open() {
    uv_loop_t* loop = nullptr;
    if (napi_get_uv_event_loop(env_, &loop) != napi_ok || loop == nullptr) return false;
    if (uv_poll_init(loop, &poll_, engine_.backend().pollable_descriptor()) != 0) return false;
    uv_prepare_init(loop, &prepare_);
    uv_idle_init(loop, &idle_);
    poll_.data = prepare_.data = idle_.data = this;
    // The poll handle alone holds the process.
    uv_unref(base(&prepare_));
    uv_unref(base(&idle_));
    opened_ = true;
    return true;
  }

  void turn() { engine_.turn(0); }

  void settle() {
    if (engine_.needs_settle()) engine_.settle();
    if (engine_.needs_settle()) {
      uv_idle_start(&idle_, [](uv_idle_t*) {});
    } else {
      uv_idle_stop(&idle_);
    }
  }

  void run(void (PollableDriver::*step)()) {
    napi_handle_scope scope;
    if (napi_open_handle_scope(env_, &scope) != napi_ok) return;
    (this->*step)();
    napi_close_handle_scope(env_, scope);
    after_();
  }

  napi_env env_;
  Engine& engine_;
  std::function<void()> after_;
  std::function<void()> closed_;
  uv_poll_t poll_{};
  uv_prepare_t prepare_{};
  uv_idle_t idle_{};
  int open_handles_ = 0;
  bool opened_ = false;
};

}  // namespace

std::unique_ptr<Driver> make_pollable_driver(napi_env env, Engine& engine, std::function<void()> after) {
  return std::make_unique<PollableDriver>(env, engine, std::move(after));
}

}  // namespace skein
