// Socket addresses as values, and as text. No system call is made here but the conversions of <arpa/inet.h>.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "net/system.h"

namespace skein {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
  // The family as a number that is the same everywhere: 4, 6, or 1 for a UNIX socket.
  std::uint8_t number() const { return family() == AF_INET6 ? 6 : (family() == AF_UNIX ? 1 : 4); }
  std::uint16_t port() const;
  std::uint32_t scope() const;
  // The literal without port or zone; of a UNIX socket its path, where a name of the abstract namespace (Linux) begins
  // with a zero byte, and "" when it is bound to none.
  std::string host() const;
};

// From a literal: "127.0.0.1", "::1", "fe80::1%2", "fe80::1%eth0"; "" is 0.0.0.0. False when it is none.
bool parse_address(std::string_view host, std::uint16_t port, Address& out);
// The address of a UNIX socket. False when the path is empty or too long (107 bytes on Linux, 103 on macOS), and where
// there are none.
bool unix_address(std::string_view path, Address& out);

// An address as the completions carry it, in the arena:
//
//     | family | length | port (2 bytes, little-endian) | the rest |      length: of all of it, in bytes
//
//     family 4   the host's 4 bytes
//     family 6   the host's 16 bytes and the scope (4 bytes, little-endian)
//     family 1   a UNIX socket's path, as Address::host() gives it; the port is 0
inline constexpr std::size_t kPackedAddressMost = 4 + 108;
// Returns how many bytes were written.
std::size_t pack_address(const Address& address, std::span<std::uint8_t, kPackedAddressMost> out);

}  // namespace skein
