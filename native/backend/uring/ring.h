// One io_uring: its two rings in shared memory, and the three system calls.
//
// Set up with DEFER_TASKRUN: the kernel does nothing behind the back of the thread that made it; completions appear
// when that thread enters. All of it belongs to that thread, but wait() and wake(). The descriptor itself never wakes a
// poller in this mode, so an eventfd tells that entering would bring something.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "backend/uring/abi.h"

namespace skein::uring {

class Ring {
 public:
  Ring() = default;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  ~Ring();

  // 0 or a negative errno.
  int open();
  // A zeroed request to fill in, good until the next call; it goes to the kernel with the next enter(). Enters by
  // itself when the ring is full.
  Request& next();
  std::size_t held() const { return in_ring() + late_.size(); }
  // Requests that are held for this descriptor will fail instead of acting on it: it is about to be closed, and its
  // number reused.
  void forget(int fd);
  // Hands over what is held and lets the kernel complete what it can. Never waits. Less than 0, a negative errno, when
  // the kernel took nothing.
  int enter();
  // The next completion, nullptr when there is none. It is given back by seen().
  const Completion* peek() const;
  void seen();
  // Registers a call's argument; 0 or a negative errno.
  int register_with(std::uint32_t what, void* argument, unsigned count);

  // Whether there are completions, or enter() would bring some. Costs no system call.
  bool has_more() const;

  // A descriptor that is readable when enter() would bring something.
  int event() const { return event_; }
  // Completions that come between these two do not make it readable: who takes them looks at has_more(). Afterwards it
  // is readable when there are more.
  void mute();
  void unmute();
  // Waits for that, at most `timeout_ms` (-1: for ever), and makes it unreadable again: 1, or 0 when it did not come,
  // or a negative errno. May run on another thread.
  int wait(int timeout_ms);
  // Makes it readable. Safe from every thread.
  void wake();

 private:
  int map(const Parameters& parameters);
  void take_late();
  std::uint32_t in_ring() const { return tail_ - submitted_; }

  int fd_ = -1;
  int event_ = -1;
  std::byte* rings_ = nullptr;
  std::size_t rings_bytes_ = 0;
  Request* requests_ = nullptr;
  std::size_t requests_bytes_ = 0;

  std::uint32_t* submission_tail_ = nullptr;
  std::uint32_t* submission_flags_ = nullptr;
  std::uint32_t submission_mask_ = 0;
  std::uint32_t submission_entries_ = 0;
  std::uint32_t tail_ = 0;       // requests written
  std::uint32_t submitted_ = 0;  // of these, requests the kernel has taken
  std::vector<Request> late_;    // came while the ring was full and the kernel took none; in order, after all others

  std::uint32_t* completion_flags_ = nullptr;
  std::uint32_t* completion_head_ = nullptr;
  std::uint32_t* completion_tail_ = nullptr;
  std::uint32_t completion_mask_ = 0;
  const Completion* completions_ = nullptr;
};

}  // namespace skein::uring
