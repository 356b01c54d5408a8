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
  std::uint16_t port() const;
  std::uint32_t scope() const;
  // The literal without port or zone.
  std::string host() const;
};

// From a literal: "127.0.0.1", "::1", "fe80::1%2", "fe80::1%eth0"; "" is 0.0.0.0. False when it is none.
bool parse_address(std::string_view host, std::uint16_t port, Address& out);

// An address as the completions carry it, in the arena: family (4 or 6), 0, port (2 bytes, little-endian), then the
// host's 4 bytes, or its 16 bytes and the scope (4 bytes, little-endian).
inline constexpr std::size_t kPackedAddressBytes = 24;
void pack_address(const Address& address, std::span<std::uint8_t, kPackedAddressBytes> out);

}  // namespace skein
