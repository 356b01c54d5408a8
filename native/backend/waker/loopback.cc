// A UDP socket that is connected to itself, for select() on Windows, which takes nothing but sockets. A wake is a
// datagram of no bytes.
#include "backend/waker/waker.h"
#include "net/address.h"
#include "net/socket.h"
#include "net/winsock.h"

namespace skein {

namespace {

SOCKET handle_of(Descriptor fd) {
  return static_cast<SOCKET>(fd);
}

}  // namespace

Waker::~Waker() {
  if (fd_ >= 0) net::close(fd_);
}

int Waker::open() {
  if (const int result = net::start_winsock(); result < 0) return result;
  const SOCKET socket =
      ::WSASocketW(AF_INET, SOCK_DGRAM, IPPROTO_UDP, nullptr, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  if (socket == INVALID_SOCKET) return net::last_error();
  fd_ = static_cast<Descriptor>(socket);
  u_long on = 1;
  if (::ioctlsocket(socket, static_cast<long>(FIONBIO), &on) != 0) return net::last_error();
  Address self;
  parse_address("127.0.0.1", 0, self);
  if (::bind(socket, self.get(), self.length) != 0) return net::last_error();
  if (const int result = net::local_address(fd_, self); result < 0) return result;
  return ::connect(socket, self.get(), self.length) == 0 ? 0 : net::last_error();
}

// A buffer that is full is readable already, so a failed send loses nothing.
void Waker::wake() {
  ::send(handle_of(fd_), "", 0, 0);
}

void Waker::drain() {
  char byte;
  while (::recv(handle_of(fd_), &byte, sizeof byte, 0) >= 0) {
  }
}

}  // namespace skein
