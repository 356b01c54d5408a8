// A thread that waits in a backend, in turns with the test's own, as the waiter driver has it.
//
//     Waiter waiter(world.engine.backend());
//     waiter.run(world, [&] { return done; });
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "test/world.h"

namespace skein::test {

class Waiter {
 public:
  explicit Waiter(Backend& backend) : backend_(backend) {
    backend.expect_waiter_thread();
    thread_ = std::thread([this] { wait_in_turns(); });
    let_wait();
  }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

  ~Waiter() {
    {
      const std::lock_guard lock(mutex_);
      quit_ = true;
    }
    changed_.notify_all();
    backend_.wake();
    thread_.join();
  }

  // Delivers what the thread waits for, until `done`; false when it does not come.
  bool run(World& world, const std::function<bool()>& done) {
    for (int i = 0; i < 4000; ++i) {
      world.engine.settle();
      if (done()) return true;
      if (!harvested()) continue;
      world.engine.deliver(waited_);
      let_wait();
    }
    return done();
  }

 private:
  // Whether the thread has come back from its wait, for which a moment is given.
  bool harvested() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::milliseconds(5), [this] { return !go_; });
  }

  void let_wait() {
    {
      const std::lock_guard lock(mutex_);
      go_ = true;
    }
    changed_.notify_all();
  }

  void wait_in_turns() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return go_ || quit_; });
      if (quit_) return;
      lock.unlock();
      const int waited = backend_.wait(-1);
      lock.lock();
      waited_ = waited;
      go_ = false;
      changed_.notify_all();
    }
  }

  Backend& backend_;
  std::mutex mutex_;
  std::condition_variable changed_;
  int waited_ = 0;     // guarded by mutex_ while go_
  bool go_ = false;    // guarded by mutex_: the thread waits, or is about to
  bool quit_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace skein::test
