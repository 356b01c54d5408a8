#include "backend/iocp/iocp.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "engine/check.h"
#include "net/errno_table.h"
#include "net/socket.h"

namespace skein::iocp {

namespace {

SOCKET handle_of(Descriptor fd) {
  return static_cast<SOCKET>(fd);
}

// A function of winsock that has to be asked for.
template <typename Function>
int find_function(SOCKET socket, GUID id, Function& function) {
  DWORD bytes = 0;
  return ::WSAIoctl(socket, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, &function, sizeof function, &bytes,
                    nullptr, nullptr) == 0
             ? 0
             : net::last_error();
}

// WSAECONNRESET of AcceptEx() among them: the peer reset its connection while it waited.
bool is_peer_gone(int error) {
  return net::meaning_of(net::Call::kAccept, error) == net::Meaning::kPeerGone;
}

// Until then Windows keeps an accepted or connected socket from shutdown() and getpeername().
void update_context(Descriptor fd, int option, Descriptor of) {
  const SOCKET listener = handle_of(of);
  const bool accepting = option == SO_UPDATE_ACCEPT_CONTEXT;
  ::setsockopt(handle_of(fd), SOL_SOCKET, option, accepting ? reinterpret_cast<const char*>(&listener) : nullptr,
               accepting ? sizeof listener : 0);
}

}  // namespace

int Iocp::open(BackendEvents& events) {
  events_ = &events;
  port_ = ::CreateIoCompletionPort(INVALID_HANDLE_VALUE, nullptr, 0, 1);
  if (port_ == nullptr) return -net::errno_of(static_cast<int>(::GetLastError()));
  const Descriptor fd = net::open_socket(net::SocketKind::stream(AF_INET));
  if (fd < 0) return static_cast<int>(fd);
  int result = find_function(handle_of(fd), WSAID_ACCEPTEX, accept_ex_);
  if (result == 0) result = find_function(handle_of(fd), WSAID_GETACCEPTEXSOCKADDRS, accepted_addresses_);
  if (result == 0) result = find_function(handle_of(fd), WSAID_CONNECTEX, connect_ex_);
  net::close(fd);
  return result;
}

// The engine has closed every descriptor: what is in flight ends soon.
Iocp::~Iocp() {
  if (port_ == nullptr) return;
  for (Operation* operation : at_once_) drop(*operation);
  drop_packets();
  while (in_flight() > 0) {
    if (wait(kPatienceMs) <= 0) break;
    drop_packets();
  }
  if (in_flight() > 0) {
    // Memory that Windows may still write to is not given back.
    for (auto& operation : operations_) static_cast<void>(operation.release());
  }
  ::CloseHandle(port_);
}

void Iocp::drop_packets() {
  for (std::size_t i = 0; i < packet_count_; ++i) {
    if (packets_[i].lpOverlapped != nullptr) drop(*reinterpret_cast<Operation*>(packets_[i].lpOverlapped));
  }
  packet_count_ = 0;
}

void Iocp::drop(Operation& operation) {
  if (operation.accepted >= 0) net::close_with_reset(operation.accepted);
  end(operation);
}

// --- operations ------------------------------------------------------------------------------------------------------

// The socket's packets come to the port from now on.
int Iocp::attach(Endpoint& endpoint) {
  if (notes_of(endpoint).watched) return 0;
  const auto handle = reinterpret_cast<HANDLE>(endpoint.fd);
  if (::CreateIoCompletionPort(handle, port_, 0, 0) == nullptr ||
      !::SetFileCompletionNotificationModes(handle, FILE_SKIP_COMPLETION_PORT_ON_SUCCESS)) {
    return -net::errno_of(static_cast<int>(::GetLastError()));
  }
  notes_of(endpoint).watched = true;
  return 0;
}

Iocp::Operation& Iocp::begin(Endpoint& endpoint, Kind kind) {
  if (spare_.empty()) spare_.push_back(operations_.emplace_back(std::make_unique<Operation>()).get());
  Operation& operation = *spare_.back();
  spare_.pop_back();
  operation = {{}, endpoint.handle, kind, kNoDescriptor, nullptr};
  notes_of(endpoint).in_flight |= kind;
  return operation;
}

int Iocp::started(Endpoint& endpoint, Operation& operation, bool done) {
  if (done) {
    at_once_.push_back(&operation);
    return 0;
  }
  const int error = ::WSAGetLastError();
  if (error == WSA_IO_PENDING) return 0;
  notes_of(endpoint).in_flight &= ~std::uint32_t{operation.kind};
  end(operation);
  return -net::errno_of(error);
}

int Iocp::arm_accept(Endpoint& listener) {
  notes_of(listener).interest |= kAccept;
  return (notes_of(listener).in_flight & kAccept) != 0 ? 0 : start_accept(listener);
}

int Iocp::disarm_accept(Endpoint& listener) {
  notes_of(listener).interest &= ~std::uint32_t{kAccept};
  return 0;
}

// One whose peer is gone already is passed over, like those that AcceptEx() reports later.
int Iocp::start_accept(Endpoint& listener) {
  int result = 0;
  for (int i = 0; i < kAcceptsPerTurn; ++i) {
    result = start_one_accept(listener);
    if (result >= 0 || !is_peer_gone(-result)) return result;
  }
  return result;
}

int Iocp::start_one_accept(Endpoint& listener) {
  if (const int result = attach(listener); result < 0) return result;
  Address own;
  if (const int result = net::local_address(listener.fd, own); result < 0) return result;
  const Descriptor fd = net::open_socket(net::SocketKind::stream(own.family()));
  if (fd < 0) return static_cast<int>(fd);
  Operation& operation = begin(listener, kAccept);
  operation.accepted = fd;
  operation.places = std::make_unique<Places>();
  DWORD bytes = 0;
  const bool done = accept_ex_(handle_of(listener.fd), handle_of(fd), operation.places->data(), 0, kPlace, kPlace,
                               &bytes, &operation.overlapped) != FALSE;
  const int result = started(listener, operation, done);
  if (result < 0) net::close(fd);
  return result;
}

int Iocp::arm_receive(Endpoint& endpoint) {
  notes_of(endpoint).interest |= kReceive;
  return (notes_of(endpoint).in_flight & kReceive) != 0 ? 0 : start_receive(endpoint);
}

int Iocp::start_receive(Endpoint& endpoint) {
  if (const int result = attach(endpoint); result < 0) return result;
  Operation& operation = begin(endpoint, kReceive);
  WSABUF nothing{0, nullptr};
  DWORD bytes = 0;
  DWORD flags = 0;
  const int result = ::WSARecv(handle_of(endpoint.fd), &nothing, 1, &bytes, &flags, &operation.overlapped, nullptr);
  return started(endpoint, operation, result == 0);
}

int Iocp::connect(Endpoint& endpoint, const Address& address) {
  if (const int result = attach(endpoint); result < 0) return result;
  Operation& operation = begin(endpoint, kConnect);
  const bool done = connect_ex_(handle_of(endpoint.fd), address.get(), address.length, nullptr, 0, nullptr,
                                &operation.overlapped) != FALSE;
  const int result = started(endpoint, operation, done);
  return result < 0 ? result : -EINPROGRESS;
}

int Iocp::arm_poll(Endpoint&, std::uint32_t) {
  return -ENOTSUP;
}

std::ptrdiff_t Iocp::submit_send(Endpoint& endpoint, std::span<const Slice> slices) {
  Operation& operation = begin(endpoint, kSend);
  std::array<WSABUF, net::kMostSlices> buffers;
  const std::size_t count = net::to_buffers(slices, buffers);
  DWORD sent = 0;
  const int result = ::WSASend(handle_of(endpoint.fd), buffers.data(), static_cast<DWORD>(count), &sent, 0,
                               &operation.overlapped, nullptr);
  if (result == 0) {
    notes_of(endpoint).in_flight &= ~std::uint32_t{kSend};
    end(operation);
    return static_cast<std::ptrdiff_t>(sent);
  }
  const int failed = started(endpoint, operation, false);
  return failed < 0 ? failed : kInFlight;
}

bool Iocp::close(Endpoint& endpoint, Ending ending) {
  notes_of(endpoint).interest = kNone;
  const bool in_flight = notes_of(endpoint).in_flight != 0;
  if (in_flight) {
    ::CancelIoEx(reinterpret_cast<HANDLE>(endpoint.fd), nullptr);
    closing_.emplace(endpoint.handle, &endpoint);
  }
  close_as(endpoint.fd, ending);
  endpoint.fd = kNoDescriptor;
  notes_of(endpoint).watched = false;
  return !in_flight;
}

int Iocp::submit() {
  if (!at_once_.empty()) wake();
  return 0;
}

// --- completions -----------------------------------------------------------------------------------------------------

int Iocp::wait(int timeout_ms) {
  ULONG count = 0;
  const DWORD limit = timeout_ms < 0 ? INFINITE : static_cast<DWORD>(timeout_ms);
  const bool got = ::GetQueuedCompletionStatusEx(port_, packets_.data(), kEventsPerTurn, &count, limit, FALSE) != FALSE;
  packet_count_ = got ? count : 0;
  if (got) return 1;
  const DWORD error = ::GetLastError();
  return error == WAIT_TIMEOUT ? 0 : -net::errno_of(static_cast<int>(error));
}

void Iocp::wake() {
  ::PostQueuedCompletionStatus(port_, 0, 0, nullptr);
}

void Iocp::deliver() {
  // Those that are done at once meanwhile wait for the next turn.
  delivering_.swap(at_once_);
  for (Operation* operation : delivering_) completed(*operation);
  delivering_.clear();
  for (std::size_t i = 0; i < packet_count_; ++i) {
    if (packets_[i].lpOverlapped != nullptr) completed(*reinterpret_cast<Operation*>(packets_[i].lpOverlapped));
  }
  packet_count_ = 0;
}

void Iocp::completed(Operation& operation) {
  const auto [handle, kind, fd] = std::tuple(operation.handle, operation.kind, operation.accepted);
  if (const auto closing = closing_.find(handle); closing != closing_.end()) {
    drop(operation);
    Notes& notes = notes_of(*closing->second);
    notes.in_flight &= ~std::uint32_t{kind};
    if (notes.in_flight == 0) {
      closing_.erase(closing);
      events_->on_closed(handle);
    }
    return;
  }
  // Not stale: an endpoint keeps its slot while it has something in flight.
  Endpoint* endpoint = events_->find(handle);
  SK_CHECK(endpoint != nullptr);
  notes_of(*endpoint).in_flight &= ~std::uint32_t{kind};
  std::size_t bytes = 0;
  const int result = result_of(endpoint->fd, operation, bytes);
  const Address peer = kind == kAccept && result == 0 ? peer_of(operation) : Address{};
  end(operation);
  switch (kind) {
    case kAccept:
      if (result == 0) {
        accept_some(handle, endpoint->fd, fd, peer);
      } else {
        net::close(fd);
        if (!is_peer_gone(-result)) events_->on_accept_end(handle, -result, false);
      }
      endpoint = events_->find(handle);
      if (endpoint != nullptr && (notes_of(*endpoint).interest & kAccept) != 0 &&
          (notes_of(*endpoint).in_flight & kAccept) == 0) {
        if (const int again = start_accept(*endpoint); again < 0) events_->on_accept_end(handle, -again, false);
      }
      break;
    case kReceive:
      if (net::is_shortage(net::Call::kReceive, result)) {
        pause_receiving(handle, result);
        break;
      }
      // An error is told but once, and may come before the bytes that precede it are read.
      if (result < 0) notes_of(*endpoint).broken = -result;
      if ((notes_of(*endpoint).interest & kReceive) != 0) receive_once(handle);
      break;
    case kSend:
      events_->on_sent(handle, result < 0 ? result : static_cast<std::ptrdiff_t>(bytes));
      break;
    case kConnect:
      if (result == 0) update_context(endpoint->fd, SO_UPDATE_CONNECT_CONTEXT, kNoDescriptor);
      events_->on_connected(handle, -result);
      break;
  }
}

// 0 or a negative errno.
int Iocp::result_of(Descriptor fd, Operation& operation, std::size_t& bytes) const {
  DWORD count = 0;
  DWORD flags = 0;
  if (!::WSAGetOverlappedResult(handle_of(fd), &operation.overlapped, &count, FALSE, &flags)) return net::last_error();
  bytes = count;
  return 0;
}

// Not asked of the socket, which knows no peer any more once that has reset the connection.
Address Iocp::peer_of(Operation& accept) const {
  sockaddr* own = nullptr;
  sockaddr* peer = nullptr;
  INT own_bytes = 0;
  INT peer_bytes = 0;
  accepted_addresses_(accept.places->data(), 0, kPlace, kPlace, &own, &own_bytes, &peer, &peer_bytes);
  Address address;
  address.length = std::min<socklen_t>(peer_bytes, sizeof address.storage);
  std::memcpy(&address.storage, peer, static_cast<std::size_t>(address.length));
  return address;
}

void Iocp::accept_some(Handle handle, Descriptor listener, Descriptor first, const Address& of_first) {
  update_context(first, SO_UPDATE_ACCEPT_CONTEXT, listener);
  if (!events_->on_accept(handle, first, of_first)) return;
  Address peer;
  for (int i = 1; i < kAcceptsPerTurn; ++i) {
    Endpoint* endpoint = events_->find(handle);
    if (endpoint == nullptr || (notes_of(*endpoint).interest & kAccept) == 0) return;
    const Descriptor fd = net::accept(listener, peer);
    if (fd >= 0) {
      if (!events_->on_accept(handle, fd, peer)) return;
      continue;
    }
    const int error = static_cast<int>(-fd);
    if (net::would_block(fd)) {
      events_->on_accept_end(handle, 0, true);
      return;
    }
    if (is_peer_gone(error)) continue;
    events_->on_accept_end(handle, error, false);
    return;
  }
}

// Until the engine asks for bytes again.
void Iocp::pause_receiving(Handle handle, std::ptrdiff_t result) {
  notes_of(*events_->find(handle)).interest &= ~std::uint32_t{kReceive};
  events_->on_received(handle, result);
}

void Iocp::receive_once(Handle handle) {
  const std::span<std::uint8_t> window = events_->receive_window(handle);
  Endpoint* endpoint = events_->find(handle);
  if (endpoint == nullptr) return;
  if (window.empty()) {
    notes_of(*endpoint).interest &= ~std::uint32_t{kReceive};
    return;
  }
  std::ptrdiff_t received = net::receive(endpoint->fd, window);
  Notes& notes = notes_of(*endpoint);
  if (notes.broken != 0 && (received == 0 || net::would_block(received))) received = -notes.broken;
  if (net::is_shortage(net::Call::kReceive, received)) {
    pause_receiving(handle, received);
    return;
  }
  if (received == 0) notes.interest &= ~std::uint32_t{kReceive};
  if (!net::would_block(received)) events_->on_received(handle, received);
  endpoint = events_->find(handle);
  if (endpoint == nullptr || (notes_of(*endpoint).interest & kReceive) == 0 ||
      (notes_of(*endpoint).in_flight & kReceive) != 0)
    return;
  if (const int again = start_receive(*endpoint); again < 0) pause_receiving(handle, again);
}

std::string probe() {
  class Nobody final : public BackendEvents {
   public:
    Endpoint* find(Handle) override { return nullptr; }
    bool on_accept(Handle, Descriptor, const Address&) override { return false; }
    void on_accept_end(Handle, int, bool) override {}
    void on_connected(Handle, int) override {}
    std::span<std::uint8_t> receive_window(Handle) override { return {}; }
    void on_received(Handle, std::ptrdiff_t) override {}
    void on_sent(Handle, std::ptrdiff_t) override {}
    void on_ready(Handle, std::uint32_t) override {}
    void on_hangup(Handle) override {}
    void on_closed(Handle) override {}
  };
  Nobody nobody;
  Iocp port;
  const int result = port.open(nobody);
  return result == 0 ? std::string() : std::string("Windows refuses a completion port: ") + std::strerror(-result);
}

}  // namespace skein::iocp
