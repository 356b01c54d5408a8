// Completions over readiness, once for all selectors: waits for descriptors, does the system calls itself, and reports
// what they brought.
//
// One receive per descriptor and turn: what is left keeps the level-triggered set readable, so that no connection
// starves another. A send that the kernel takes only in part waits for kWrite.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "backend/backend.h"
#include "backend/polled_descriptors.h"
#include "backend/selector/selector.h"

namespace skein {

class Readiness final : public Backend {
 public:
  explicit Readiness(std::unique_ptr<Selector> selector) : selector_(std::move(selector)) {}

  const char* name() const override { return selector_->name(); }
  int open(BackendEvents& events) override;
  int arm_accept(Endpoint& listener) override { return want(listener, kRead); }
  int disarm_accept(Endpoint& listener) override { return want(listener, kNone); }
  int arm_receive(Endpoint& endpoint) override { return want(endpoint, notes_of(endpoint).interest | kRead); }
  int connect(Endpoint& endpoint, const Address& address) override;
  int arm_poll(Endpoint& endpoint, std::uint32_t interest) override;
  bool sends_inline() const override { return true; }
  std::ptrdiff_t submit_send(Endpoint& endpoint, std::span<const Slice> slices) override;
  bool close(Endpoint& endpoint, Ending ending) override;
  bool holds_requests() const override { return selector_->holds_changes(); }
  int submit() override;
  void expect_waiter_thread() override { waiter_thread_ = true; }
  int wait(int timeout_ms) override;
  void deliver() override;
  void wake() override { selector_->wake(); }
  int pollable_descriptor() const override { return selector_->pollable_descriptor(); }

 private:
  // What is kept for each endpoint.
  struct Notes {
    std::uint32_t interest;  // what the selector was told to wait for
    int broken;              // an errno that came with an event: the kernel may have forgotten it
    bool watched;            // the selector has it
  };
  static Notes& notes_of(Endpoint& endpoint) { return endpoint.notes<Notes>(); }

  int want(Endpoint& endpoint, std::uint32_t interest);
  // Whether a descriptor that nobody shares may be closed while the selector has it.
  bool close_removes() const { return !waiter_thread_ && selector_->forgets_closed(); }
  void expel(Endpoint& closed);
  void accept_some(Endpoint& listener);
  void deliver_refused();
  void stop_reading(Handle handle);
  void receive_once(Handle handle, Descriptor fd, int broken);

  // Events of one turn: bounds the time until libuv gets its own.
  static constexpr std::size_t kEventsPerTurn = 128;
  static constexpr int kAcceptsPerTurn = 128;

  BackendEvents* events_ = nullptr;
  std::unique_ptr<Selector> selector_;
  bool waiter_thread_ = false;
  std::array<Ready, kEventsPerTurn> ready_;
  std::size_t ready_count_ = 0;
  std::vector<Ready> refused_;  // changes, to be reported in the next turn
  Handle writable_ = -1;        // the endpoint whose kWrite is being delivered
  PolledDescriptors polled_;    // in the set
};

}  // namespace skein
