// What poll(2) and select(2) share: the kernel keeps nothing between two waits, so the list of descriptors stands here
// and goes along with each wait.
//
//  a. The wait runs on a copy, which is renewed only after the list has changed. A change while another thread waits
//     wakes that thread: it waits again with the new list, and lets go of a descriptor that is about to be closed (the
//     kernel would keep the socket open, and its FIN back, until the wait ends).
//  b. The scan for what is ready begins after the last one that was reported, so that the first of a long list cannot
//     starve the others.
//
// A new subclass goes into kSelectors of native/test/list_selector_test.cc, which tests both rules on each.
#pragma once

#include <mutex>
#include <unordered_map>
#include <vector>

#include "backend/selector/selector.h"
#include "backend/waker/waker.h"

namespace skein {

struct Watched {
  Descriptor fd;
  std::uint32_t interest;
  Handle handle;
};

class ListSelector : public Selector {
 public:
  int open() override;
  int add(Descriptor fd, std::uint32_t interest, Handle handle) override;
  int modify(Descriptor fd, std::uint32_t interest, Handle handle) override;
  int remove(Descriptor fd) override;
  int wait(std::span<Ready> ready, int timeout_ms) override;
  void wake() override { waker_.wake(); }
  bool forgets_closed() const override { return false; }
  int pollable_descriptor() const override { return -1; }

 protected:
  // Whether the kernel's interface can name this descriptor: 0 or a negative errno.
  virtual int admit(Descriptor) const { return 0; }
  // Whether what waits for nothing stands in the copy, too, so that its hangup is reported.
  virtual bool reports_hangups_unasked() const = 0;
  // The copy has changed.
  virtual void prepare(std::span<const Watched> copy) = 0;
  // Waits; how many are ready, or a negative errno.
  virtual int ask(int timeout_ms) = 0;
  // What copy[i] is ready for.
  virtual std::uint32_t answer(std::size_t i, const Watched& watched) const = 0;

 private:
  void changed();
  int collect(std::span<Ready> ready, int count);

  Waker waker_;
  std::mutex mutex_;
  std::vector<Watched> list_;                           // guarded by mutex_, as are the next three
  std::unordered_map<Descriptor, std::size_t> places_;  // in list_
  bool stale_ = true;                                   // copy_ is older than list_
  bool waiting_ = false;
  std::vector<Watched> copy_;  // the waiting thread's
  std::size_t next_ = 0;
};

}  // namespace skein
