// A thread waits in the backend, then hands over to the loop's thread and waits for it to be done: the backend is used
// by one thread at a time, but for calls that the kernel serialises (epoll_ctl beside epoll_wait).
//
//     waiter thread            loop's thread
//     ─────────────            ─────────────
//     go? ◀──────────────────── start(), end of a turn
//     backend.wait(timeout)
//     harvested ─── tsfn ─────▶ engine.deliver()
//
// settle_soon() uses the same thread-safe function, with nothing harvested. The wait has a timeout only in a shortage:
// the engine wants to try something again then.
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "addon/driver.h"
#include "addon/thread.h"

namespace skein {

namespace {

class WaiterDriver final : public Driver {
 public:
  WaiterDriver(napi_env env, Engine& engine, std::function<void()> after)
      : env_(env), engine_(engine), after_(std::move(after)) {}

  std::string start() override {
    if (wake_loop_ == nullptr && !open()) return "the runtime gives the waiter driver no thread-safe function";
    if (!thread_.started()) {
      engine_.backend().expect_waiter_thread();
      const int result = thread_.start([](void* self) { static_cast<WaiterDriver*>(self)->wait_in_turns(); }, this);
      if (result < 0) {
        return std::string("the waiter driver needs a thread, and the system gives none: ") + std::strerror(-result) +
               ". Raise the limit of threads (ulimit -u), or use the pollable driver where there is one";
      }
    }
    if (napi_ref_threadsafe_function(env_, wake_loop_) != napi_ok) return "the environment is ending";
    running_ = true;
    if (waiting_) {
      wait_shorter();
    } else {
      let_wait();
    }
    if (harvested_ || engine_.needs_settle()) settle_soon();
    return {};
  }

  void stop() override {
    if (!running_) return;
    running_ = false;
    napi_unref_threadsafe_function(env_, wake_loop_);
    engine_.backend().wake();
  }

  void settle_soon() override {
    if (running_ && !settle_posted_.exchange(true))
      napi_call_threadsafe_function(wake_loop_, nullptr, napi_tsfn_nonblocking);
  }

  void close(std::function<void()> closed) override {
    running_ = false;
    if (thread_.started()) {
      {
        const std::lock_guard lock(mutex_);
        quit_ = true;
      }
      changed_.notify_one();
      engine_.backend().wake();
      thread_.join();
    }
    if (wake_loop_ != nullptr) napi_release_threadsafe_function(wake_loop_, napi_tsfn_abort);
    wake_loop_ = nullptr;
    closed();
  }

 private:
  bool open() {
    napi_value name;
    if (napi_create_string_utf8(env_, "skein", NAPI_AUTO_LENGTH, &name) != napi_ok) return false;
    const napi_status status = napi_create_threadsafe_function(
        env_, nullptr, nullptr, name, 0, 1, nullptr, nullptr, this,
        [](napi_env env, napi_value, void* context, void*) {
          if (env != nullptr) static_cast<WaiterDriver*>(context)->on_wake();
        },
        &wake_loop_);
    if (status != napi_ok) return false;
    napi_unref_threadsafe_function(env_, wake_loop_);
    return true;
  }

  void wait_in_turns() {
    for (;;) {
      int timeout_ms;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return go_ || quit_; });
        const auto pause = std::chrono::milliseconds(pause_ms_);
        if (pause.count() > 0) changed_.wait_for(lock, pause, [this] { return quit_; });
        if (quit_) return;
        go_ = false;
        timeout_ms = timeout_ms_;
      }
      waited_ = engine_.backend().wait(timeout_ms);
      harvested_.store(true);
      napi_call_threadsafe_function(wake_loop_, nullptr, napi_tsfn_nonblocking);
    }
  }

  void let_wait() {
    waiting_ = true;
    {
      const std::lock_guard lock(mutex_);
      go_ = true;
      timeout_ms_ = engine_.due_in_ms();
      pause_ms_ = engine_.pause_ms();
    }
    changed_.notify_one();
  }

  // What has to be tried again came up while the thread waits for longer: it comes back, and waits with a timeout.
  void wait_shorter() {
    const int due = engine_.due_in_ms();
    if (due >= 0 && (timeout_ms_ < 0 || due < timeout_ms_)) engine_.backend().wake();
  }

  void on_wake() {
    settle_posted_.store(false);
    // What was harvested waits for start(): the kernel may tell of it only once.
    if (!running_) return;
    if (harvested_.exchange(false)) {
      // The program may stop and start meanwhile, and the thread must not wait before all is delivered.
      engine_.deliver(waited_);
      waiting_ = false;
      if (running_) let_wait();
    } else {
      engine_.settle();
      if (engine_.is_troubled() && waiting_) [[unlikely]]
        wait_shorter();
    }
    after_();
  }

  napi_env env_;
  Engine& engine_;
  std::function<void()> after_;
  napi_threadsafe_function wake_loop_ = nullptr;
  Thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int timeout_ms_ = -1;  // the loop's thread writes them, guarded by mutex_
  int pause_ms_ = 0;
  int waited_ = 0;     // what the wait returned, good when harvested_
  bool go_ = false;    // guarded by mutex_
  bool quit_ = false;  // guarded by mutex_
  std::atomic<bool> harvested_ = false;
  std::atomic<bool> settle_posted_ = false;
  bool running_ = false;  // the loop's thread only, as is waiting_
  bool waiting_ = false;  // the thread was let go and its harvest has not been delivered
};

}  // namespace

std::unique_ptr<Driver> make_waiter_driver(napi_env env, Engine& engine, std::function<void()> after) {
  return std::make_unique<WaiterDriver>(env, engine, std::move(after));
}

}  // namespace skein
