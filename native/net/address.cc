#include "net/address.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
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

#if defined(_WIN32)
std::string_view unix_path(const Address&) {
  return {};
}
#else
// The kernel counts the zero byte that ends a path; a name that begins with one has none at its end.
std::string_view unix_path(const Address& address) {
  constexpr std::size_t kBegin = offsetof(sockaddr_un, sun_path);
  if (address.length <= kBegin) return {};
  const auto& un = reinterpret_cast<const sockaddr_un&>(address.storage);
  const std::size_t most = std::min<std::size_t>(address.length - kBegin, sizeof un.sun_path);
  const std::string_view path(un.sun_path, most);
  return path.front() == '\0' ? (path.find_first_not_of('\0') == path.npos ? path.substr(0, 0) : path)
                              : path.substr(0, path.find('\0'));
}
#endif

std::uint32_t parse_scope(const std::string& zone) {
  std::uint32_t number = 0;
  const char* end = zone.data() + zone.size();
  const auto [stop, error] = std::from_chars(zone.data(), end, number);
  if (error == std::errc{} && stop == end) return number;
  return net::interface_index(zone.c_str());
}

}  // namespace

std::uint16_t Address::port() const {
  if (family() == AF_UNIX) return 0;
  return ntohs(family() == AF_INET6 ? v6(storage).sin6_port : v4(storage).sin_port);
}

std::uint32_t Address::scope() const {
  return family() == AF_INET6 ? v6(storage).sin6_scope_id : 0;
}

std::string Address::host() const {
  if (family() == AF_UNIX) return std::string(unix_path(*this));
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

bool unix_address([[maybe_unused]] std::string_view path, Address& out) {
  out = Address{};
#if defined(_WIN32)
  return false;
#else
  auto& un = reinterpret_cast<sockaddr_un&>(out.storage);
  // A zero byte has to follow a path.
  if (path.empty() || path.size() >= sizeof un.sun_path) return false;
  un.sun_family = AF_UNIX;
  std::memcpy(un.sun_path, path.data(), path.size());
  const std::size_t ending = path.front() == '\0' ? 0 : 1;
  out.length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + ending);
  return true;
#endif
}

std::size_t pack_address(const Address& address, std::span<std::uint8_t, kPackedAddressMost> out) {
  const std::uint16_t port = address.port();
  out[2] = static_cast<std::uint8_t>(port);
  out[3] = static_cast<std::uint8_t>(port >> 8);
  out[0] = address.number();
  std::size_t length = 8;
  if (address.family() == AF_INET6) {
    std::memcpy(&out[4], &v6(address.storage).sin6_addr, 16);
    const std::uint32_t scope = address.scope();
    for (std::size_t i = 0; i < 4; ++i) out[20 + i] = static_cast<std::uint8_t>(scope >> (8 * i));
    length = 24;
  } else if (address.family() == AF_UNIX) {
    const std::string_view path = unix_path(address);
    std::copy(path.begin(), path.end(), &out[4]);
    length = 4 + path.size();
  } else {
    std::memcpy(&out[4], &v4(address.storage).sin_addr, 4);
  }
  out[1] = static_cast<std::uint8_t>(length);
  return length;
}

}  // namespace skein
