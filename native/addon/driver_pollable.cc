// One uv_poll_t on the backend's descriptor, level-triggered, one wait(0) an event and no spinning, so that libuv's
// other work gets its turn. A uv_prepare_t flushes what was written outside a turn (timers, promises) before the loop
// sleeps; a uv_idle_t keeps the loop from sleeping while something is left to settle. A uv_timer_t is for shortages
// only: what the engine tries again after a pause, and a wait that fails.
#include <uv.h>

#include "addon/driver.h"

// The addon's symbols are resolved when it is loaded (-z now), and some hosts lack these (Deno): there they are null,
// open() says no, and the waiter driver is used. macOS looks each up when it is called.
#if defined(__ELF__)
#pragma weak uv_close
#pragma weak uv_idle_init
#pragma weak uv_idle_start
#pragma weak uv_idle_stop
#pragma weak uv_is_active
#pragma weak uv_poll_init
#pragma weak uv_poll_start
#pragma weak uv_poll_stop
#pragma weak uv_prepare_init
#pragma weak uv_prepare_start
#pragma weak uv_prepare_stop
#pragma weak uv_ref
#pragma weak uv_strerror
#pragma weak uv_timer_init
#pragma weak uv_timer_start
#pragma weak uv_timer_stop
#pragma weak uv_unref
#endif

namespace skein {

namespace {

class PollableDriver final : public Driver {
 public:
  PollableDriver(napi_env env, Engine& engine, std::function<void()> after)
      : env_(env), engine_(engine), after_(std::move(after)) {}

  std::string start() override {
    if (!opened_ && !open()) return "this runtime's loop does not take the pollable driver: use the waiter driver";
    if (const int result = watch(); result != 0) return std::string("uv_poll_start(): ") + uv_strerror(result);
    uv_prepare_start(&prepare_, [](uv_prepare_t* handle) { self(handle).run(&PollableDriver::settle); });
    return {};
  }

  void stop() override {
    if (!opened_) return;
    uv_poll_stop(&poll_);
    uv_prepare_stop(&prepare_);
    uv_idle_stop(&idle_);
    uv_timer_stop(&timer_);
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
    open_handles_ = 4;
    for (uv_handle_t* handle : {base(&poll_), base(&prepare_), base(&idle_), base(&timer_)}) {
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
#if defined(__ELF__)
    if (uv_poll_init == nullptr || uv_prepare_start == nullptr) return false;
#endif
    uv_loop_t* loop = nullptr;
    if (napi_get_uv_event_loop(env_, &loop) != napi_ok || loop == nullptr) return false;
    if (uv_poll_init(loop, &poll_, engine_.backend().pollable_descriptor()) != 0) return false;
    uv_prepare_init(loop, &prepare_);
    uv_idle_init(loop, &idle_);
    uv_timer_init(loop, &timer_);
    poll_.data = prepare_.data = idle_.data = timer_.data = this;
    // The poll handle alone holds the process.
    uv_unref(base(&prepare_));
    uv_unref(base(&idle_));
    uv_unref(base(&timer_));
    opened_ = true;
    return true;
  }

  int watch() {
    return uv_poll_start(&poll_, UV_READABLE,
                         [](uv_poll_t* handle, int, int) { self(handle).run(&PollableDriver::turn); });
  }

  void turn() {
    engine_.turn(0);
  }

  // Until the pause is over, a wait that fails is not asked for again: the descriptor would stay readable.
  void sleep_or_watch() {
    const int pause = engine_.pause_ms();
    // One of the two holds the process.
    if (pause > 0) {
      uv_poll_stop(&poll_);
      uv_ref(base(&timer_));
    } else {
      uv_unref(base(&timer_));
    }
    const int due = engine_.due_in_ms();
    const int next = pause > 0 && (due < 0 || pause < due) ? pause : due;
    if (next >= 0) {
      uv_timer_start(
          &timer_, [](uv_timer_t* handle) { self(handle).run(&PollableDriver::wake_up); },
          static_cast<std::uint64_t>(next), 0);
    }
  }

  void wake_up() {
    if (engine_.pause_ms() > 0) {
      watch();
      engine_.turn(0);
    } else {
      engine_.settle();
    }
  }

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
    if (engine_.is_troubled() && uv_is_active(base(&prepare_))) [[unlikely]]
      sleep_or_watch();
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
  uv_timer_t timer_{};
  int open_handles_ = 0;
  bool opened_ = false;
};

}  // namespace

std::unique_ptr<Driver> make_pollable_driver(napi_env env, Engine& engine, std::function<void()> after) {
  return std::make_unique<PollableDriver>(env, engine, std::move(after));
}

}  // namespace skein
