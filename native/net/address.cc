#include "net/address.h"

#include <charconv>
#include <cstring>

#include "net/interface_index.h"

namespace skein {

namespace {

const sockaddr_in& v4(const sockaddr_storage& storage) {
  return reinterpret_cast<const sockaddr_in&>(storage);
}
const sockaddr_in6& v6(const sockaddr_storage& storage) {
  return reinterpret_cast<const sockaddr_in6&>(storage);
}

std::uint32_t parse_scope(const std::string& zone) {
  std::uint32_t number = 0;
  const char* end = zone.data() + zone.size();
  const auto [stop, error] = std::from_chars(zone.data(), end, number);
  if (error == std::errc{} && stop == end) return number;
  return net::interface_index(zone.c_str());
}

}  // namespace

std::uint16_t Address::port() const {
  return ntohs(family() == AF_INET6 ? v6(storage).sin6_port : v4(storage).sin_port);
}

std::uint32_t Address::scope() const {
  return family() == AF_INET6 ? v6(storage).sin6_scope_id : 0;
}

std::string Address::host() const {
  char text[INET6_ADDRSTRLEN] = "";
  if (family() == AF_INET6) {
    inet_ntop(AF_INET6, &v6(storage).sin6_addr, text, sizeof text);
  } else if (family() == AF_INET) {
    inet_ntop(AF_INET, &v4(storage).sin_addr, text, sizeof text);
  }
  return text;
}

bool parse_address(std::string_view host, std::uint16_t port, Address& out) {
  out = Address{};
  std::string text(host.empty() ? std::string_view("0.0.0.0") : host);
  auto& in4 = reinterpret_cast<sockaddr_in&>(out.storage);
  if (inet_pton(AF_INET, text.c_str(), &in4.sin_addr) == 1) {
    in4.sin_family = AF_INET;
    in4.sin_port = htons(port);
    out.length = sizeof in4;
    return true;
  }
  auto& in6 = reinterpret_cast<sockaddr_in6&>(out.storage);
  std::uint32_t scope = 0;
  if (const std::size_t percent = text.find('%'); percent != std::string::npos) {
    scope = parse_scope(text.substr(percent + 1));
    if (scope == 0) return false;
    text.resize(percent);
  }
  if (inet_pton(AF_INET6, text.c_str(), &in6.sin6_addr) != 1) return false;
  in6.sin6_family = AF_INET6;
  in6.sin6_port = htons(port);
  in6.sin6_scope_id = scope;
  out.length = sizeof in6;
  return true;
}

void pack_address(const Address& address, std::span<std::uint8_t, kPackedAddressBytes> out) {
  const std::uint16_t port = address.port();
  out[1] = 0;
  out[2] = static_cast<std::uint8_t>(port);
  out[3] = static_cast<std::uint8_t>(port >> 8);
  if (address.family() == AF_INET6) {
    out[0] = 6;
    std::memcpy(&out[4], &v6(address.storage).sin6_addr, 16);
    const std::uint32_t scope = address.scope();
    for (std::size_t i = 0; i < 4; ++i) out[20 + i] = static_cast<std::uint8_t>(scope >> (8 * i));
  } else {
    out[0] = 4;
    std::memcpy(&out[4], &v4(address.storage).sin_addr, 4);
  }
}

}  // namespace skein
