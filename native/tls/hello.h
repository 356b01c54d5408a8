// The first message of a client: which server it wants to talk to, and which protocols it offers. It is read before
// anything is made for the connection, so that a peer which is silent, or sends byte by byte, costs no more than its
// bytes, and so that the context it gets is the right one from the beginning.
//
//     record      | 22 | version (2) | length (2) | a part of the message |          RFC 8446, 5.1
//     message     | 1 | length (3) | version (2) | random (32) | session id | suites | compression | extensions
//     |  4.1.2
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace skein::tls {

class Hello {
 public:
  enum class State : std::uint8_t {
    kPartial,
    kWhole,
    kOther,  // it is no hello, or one that is too long: OpenSSL says what is wrong with it
  };
  // The longest message, in bytes. Those of browsers have 500 to 2,000.
  static constexpr std::size_t kMessageMost = 16 * 1024;
  // A message may be cut into records as small as its sender likes, each with a header: the most bytes that are kept.
  static constexpr std::size_t kWireMost = 2 * kMessageMost;

  // Keeps what belongs to the message, and returns how many bytes that is. Costs the same however the message is cut.
  std::size_t feed(std::span<const std::uint8_t> wire);
  State state() const { return state_; }
  // All that was kept.
  std::span<const std::uint8_t> wire() const { return wire_; }
  // Bytes of memory for them.
  std::size_t held() const { return wire_.capacity(); }

  // Of a whole one. "" when the client names none, or nothing that is a host name.
  std::string server_name() const { return server_name_; }
  // The protocols that it offers, each behind its length, as ALPN writes them (RFC 7301, 3.1).
  const std::string& protocols() const { return protocols_; }

 private:
  void keep(std::span<const std::uint8_t> bytes);
  void parse();
  // Of the message, as it says once the prefix is there.
  std::size_t length() const {
    return static_cast<std::size_t>(prefix_[1]) << 16 | static_cast<std::size_t>(prefix_[2]) << 8 | prefix_[3];
  }

  static constexpr std::size_t kHeader = 5;
  std::vector<std::uint8_t> wire_;
  std::array<std::uint8_t, kHeader> header_{};  // of the record under way
  std::array<std::uint8_t, 4> prefix_{};        // of the message
  std::size_t header_size_ = 0;
  std::size_t left_ = 0;      // of the record under way
  std::size_t received_ = 0;  // of the message
  State state_ = State::kPartial;
  std::string server_name_;
  std::string protocols_;
};

}  // namespace skein::tls
