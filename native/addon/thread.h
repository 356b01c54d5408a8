// A thread whose start may fail. std::thread reports that by an exception, which this code is compiled without: the
// process would abort.
#pragma once

namespace skein {

class Thread {
 public:
  Thread() = default;
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

  // Runs `body(argument)` on a thread that takes no signals. 0 or a negative errno (pthread_create(3): EAGAIN when
  // there are too many threads or too little memory).
  int start(void (*body)(void*), void* argument);
  bool started() const { return started_; }
  // Waits for its end. Only when started.
  void join();

 private:
  void (*body_)(void*) = nullptr;
  void* argument_ = nullptr;
  // A pthread_t, or a Windows handle.
  unsigned long long native_ = 0;
  bool started_ = false;
};

}  // namespace skein
