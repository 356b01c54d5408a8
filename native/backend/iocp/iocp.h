// Completions by a Windows I/O completion port.
//
//     accept     AcceptEx() tells that there is somebody; the others who wait are taken by accept()
//     connect    ConnectEx()
//     receive    WSARecv() of no bytes tells that there are some; recv() takes them to where the engine wants them. So
//                an idle connection locks no memory, nothing is copied, and each connection receives once a turn
//     send       WSASend() of what the outbox holds, which stays there until it is sent
//
//  a. An operation that is done at once brings no packet (FILE_SKIP_COMPLETION_PORT_ON_SUCCESS), and is handled in the
//     next turn. Each endpoint has at most one operation of each kind in flight (Notes).
//  b. Closing cancels what is in flight; the packets of that come later, and the endpoint keeps its slot, and a send
//     its bytes, until then.
//  c. Descriptors of the program's own cannot be polled: a port knows of no readiness.
#pragma once

#include <array>
#include <memory>
#include <unordered_map>
#include <vector>

#include "backend/backend.h"
#include "net/winsock.h"
// After winsock2.h.
#include <mswsock.h>

namespace skein::iocp {

class Iocp final : public Backend {
 public:
  ~Iocp() override;

  const char* name() const override { return "iocp"; }
  int open(BackendEvents& events) override;
  int arm_accept(Endpoint& listener) override;
  int disarm_accept(Endpoint& listener) override;
  int arm_receive(Endpoint& endpoint) override;
  int connect(Endpoint& endpoint, const Address& address) override;
  int arm_poll(Endpoint& endpoint, std::uint32_t interest) override;
  bool sends_inline() const override { return false; }
  std::ptrdiff_t submit_send(Endpoint& endpoint, std::span<const Slice> slices) override;
  bool close(Endpoint& endpoint, Ending ending) override;
  bool holds_requests() const override { return !at_once_.empty(); }
  int submit() override;
  int wait(int timeout_ms) override;
  void deliver() override;
  void wake() override;
  int pollable_descriptor() const override { return -1; }

 private:
  // A bit in Endpoint::in_flight and Endpoint::interest.
  enum Kind : std::uint32_t { kAccept = 1, kReceive = 2, kSend = 4, kConnect = 8 };

  // What is kept for each endpoint.
  struct Notes {
    std::uint32_t interest;   // the kinds it wants
    std::uint32_t in_flight;  // the kinds that Windows works on
    int broken;               // the errno that a receive ended with; the bytes that precede it are still to be read
    bool watched;             // the port has it
  };
  static Notes& notes_of(Endpoint& endpoint) { return endpoint.notes<Notes>(); }

  // Where AcceptEx() puts the addresses of both ends.
  static constexpr DWORD kPlace = sizeof(sockaddr_storage) + 16;
  using Places = std::array<char, 2 * std::size_t{kPlace}>;

  // One that Windows works on. The address of `overlapped` names it.
  struct Operation {
    OVERLAPPED overlapped;
    Handle handle;
    Kind kind;
    Descriptor accepted;             // of an accept
    std::unique_ptr<Places> places;  // of an accept
  };

  int attach(Endpoint& endpoint);
  Operation& begin(Endpoint& endpoint, Kind kind);
  // Windows has done with it.
  void end(Operation& operation) { spare_.push_back(&operation); }
  std::size_t in_flight() const { return operations_.size() - spare_.size(); }
  // What starting an operation came to: 0 when its packet will come or it is done, else a negative errno.
  int started(Endpoint& endpoint, Operation& operation, bool done);
  int start_accept(Endpoint& listener);
  int start_one_accept(Endpoint& listener);
  int start_receive(Endpoint& endpoint);
  void completed(Operation& operation);
  void drop_packets();
  void drop(Operation& operation);
  Address peer_of(Operation& accept) const;
  void accept_some(Handle handle, Descriptor listener, Descriptor first, const Address& of_first);
  void pause_receiving(Handle handle, std::ptrdiff_t result);
  void receive_once(Handle handle);
  int result_of(Descriptor fd, Operation& operation, std::size_t& bytes) const;

  // Events of one turn: bounds the time until libuv gets its own.
  static constexpr std::size_t kEventsPerTurn = 128;
  // Of the end, with what was cancelled and does not come.
  static constexpr int kPatienceMs = 5000;
  static constexpr int kAcceptsPerTurn = 128;

  BackendEvents* events_ = nullptr;
  HANDLE port_ = nullptr;
  LPFN_ACCEPTEX accept_ex_ = nullptr;
  LPFN_GETACCEPTEXSOCKADDRS accepted_addresses_ = nullptr;
  LPFN_CONNECTEX connect_ex_ = nullptr;
  std::array<OVERLAPPED_ENTRY, kEventsPerTurn> packets_;
  std::size_t packet_count_ = 0;
  std::vector<std::unique_ptr<Operation>> operations_;  // as many as were ever in flight
  std::vector<Operation*> spare_;                       // those that are not now
  std::vector<Operation*> at_once_;                     // done, and not delivered yet
  std::vector<Operation*> delivering_;                  // at_once_ of the turn before
  std::unordered_map<Handle, Endpoint*> closing_;       // closed, with something in flight
};

// "" when completion ports work here, else why not.
std::string probe();

}  // namespace skein::iocp
