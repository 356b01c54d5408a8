// A backend on which every send completes later, as on completion ports, over poll: so the machines that
// have no completion ports test what the engine does with them, too. Bytes are read when the send is done, not before:
// those that the engine has given up meanwhile are found by the address sanitizer.
#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "backend/registry.h"
#include "net/errno_table.h"
#include "net/socket.h"
#include "test/test.h"

namespace skein::test {

class SendsLater final : public Backend {
 public:
  static constexpr const char* kName = "sends later";

  explicit SendsLater(std::unique_ptr<Backend> inner) : inner_(std::move(inner)) {}

  const char* name() const override { return kName; }
  int open(BackendEvents& events) override {
    events_ = &events;
    return inner_->open(events);
  }
  int arm_accept(Endpoint& listener) override { return inner_->arm_accept(listener); }
  int disarm_accept(Endpoint& listener) override { return inner_->disarm_accept(listener); }
  int arm_receive(Endpoint& endpoint) override { return inner_->arm_receive(endpoint); }
  int connect(Endpoint& endpoint, const Address& address) override { return inner_->connect(endpoint, address); }
  int arm_poll(Endpoint& endpoint, std::uint32_t interest) override { return inner_->arm_poll(endpoint, interest); }
  bool sends_inline() const override { return false; }
  std::ptrdiff_t submit_send(Endpoint& endpoint, std::span<const Slice> slices) override {
    CHECK(!sends_.contains(endpoint.handle));
    sends_[endpoint.handle] = {{slices.begin(), slices.end()}};
    fresh_ = true;
    return kInFlight;
  }
  bool close(Endpoint& endpoint, Ending ending) override {
    CHECK(inner_->close(endpoint, ending));
    const auto send = sends_.find(endpoint.handle);
    if (send == sends_.end()) return true;
    send->second.closed = true;
    fresh_ = true;
    return false;
  }
  int submit() override {
    if (std::exchange(fresh_, false)) inner_->wake();
    return inner_->submit();
  }
  void expect_waiter_thread() override { inner_->expect_waiter_thread(); }
  int wait(int timeout_ms) override { return inner_->wait(timeout_ms); }
  void deliver() override {
    complete_sends();
    inner_->deliver();
  }
  bool has_more() const override { return inner_->has_more(); }
  void wake() override { inner_->wake(); }
  int pollable_descriptor() const override { return inner_->pollable_descriptor(); }

 private:
  struct Send {
    std::vector<Slice> slices;
    bool closed = false;
  };

  // Those for which there is no room stay in flight until a later turn.
  void complete_sends() {
    std::vector<Handle> handles;
    for (const auto& [handle, send] : sends_) handles.push_back(handle);
    for (const Handle handle : handles) {
      const Send& send = sends_[handle];
      if (send.closed) {
        sends_.erase(handle);
        events_->on_closed(handle);
        continue;
      }
      const std::ptrdiff_t sent = net::send(events_->find(handle)->fd, send.slices);
      if (net::would_block(sent)) continue;
      sends_.erase(handle);
      events_->on_sent(handle, sent);
    }
  }

  std::unique_ptr<Backend> inner_;
  BackendEvents* events_ = nullptr;
  std::map<Handle, Send> sends_;
  bool fresh_ = false;  // a send that no turn has tried yet
};

inline constexpr const char* kBelowSendsLater = "poll";

inline const BackendEntry& sends_later() {
  static constexpr BackendEntry entry{
      .name = SendsLater::kName,
      .preference = 0,
      .pollable = true,
      .probe = [] { return find_backend(kBelowSendsLater)->probe(); },
      .make = []() -> std::unique_ptr<Backend> {
        return std::make_unique<SendsLater>(find_backend(kBelowSendsLater)->make());
      },
  };
  return entry;
}

}  // namespace skein::test
