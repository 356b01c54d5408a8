// A thread waits in the backend, then hands over to the loop's thread and waits for it to be done: the backend is used
// by one thread at a time, but for calls that the kernel serialises (epoll_ctl beside epoll_wait).
//
//     waiter thread            loop's thread
//     ─────────────            ─────────────
//     go? ◀──────────────────── start(), end of a turn
//     backend.wait(-1)
//     harvested ─── tsfn ─────▶ engine.deliver()
//
// settle_soon() uses the same thread-safe function, with nothing harvested.
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#if !defined(_WIN32)
#include <csignal>
#endif

#include "addon/driver.h"

namespace skein {

namespace {

class WaiterDriver final : public Driver {
 public:
  WaiterDriver(napi_env env, Engine& engine, std::function<void()> after)
      : env_(env), engine_(engine), after_(std::move(after)) {}

  bool start() override {
    if (wake_loop_ == nullptr && !open()) return false;
    running_ = true;
    napi_ref_threadsafe_function(env_, wake_loop_);
    if (!waiting_) let_wait();
    if (harvested_ || engine_.needs_settle()) settle_soon();
    return true;
  }

  void stop() override {
    if (wake_loop_ == nullptr) return;
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
    if (thread_.joinable()) {
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
    start_thread();
    return true;
  }

  // Signals are the program's: this thread takes none.
  void start_thread() {
#if !defined(_WIN32)
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
#endif
    thread_ = std::thread([this] { wait_in_turns(); });
#if !defined(_WIN32)
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
#endif
  }

  void wait_in_turns() {
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return go_ || quit_; });
        if (quit_) return;
        go_ = false;
      }
      engine_.backend().wait(-1);
      harvested_.store(true);
      napi_call_threadsafe_function(wake_loop_, nullptr, napi_tsfn_nonblocking);
    }
  }

  void let_wait() {
    waiting_ = true;
    {
      const std::lock_guard lock(mutex_);
      go_ = true;
    }
    changed_.notify_one();
  }

  void on_wake() {
    settle_posted_.store(false);
    // What was harvested waits for start(): the kernel may tell of it only once.
    if (!running_) return;
    if (harvested_.exchange(false)) {
      // The program may stop and start meanwhile, and the thread must not wait before all is delivered.
      engine_.deliver();
      waiting_ = false;
      if (running_) let_wait();
    } else {
      engine_.settle();
    }
    after_();
  }

  napi_env env_;
  Engine& engine_;
  std::function<void()> after_;
  napi_threadsafe_function wake_loop_ = nullptr;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
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
