#include "tls/hello.h"

#include <algorithm>
#include <cstring>

namespace skein::tls {

namespace {

constexpr std::uint8_t kHandshake = 22;
constexpr std::uint8_t kClientHello = 1;
constexpr std::size_t kExtensionServerName = 0;
constexpr std::size_t kExtensionAlpn = 16;
constexpr std::size_t kRecordMost = 16 * 1024;
constexpr std::size_t kNameMost = 255;

// Reads numbers and vectors; once something is missing, everything is empty.
class Reader {
 public:
  explicit Reader(std::span<const std::uint8_t> bytes) : rest_(bytes) {}

  std::size_t number(std::size_t size) {
    std::size_t value = 0;
    for (const std::uint8_t byte : take(size)) value = value << 8 | byte;
    return value;
  }
  std::span<const std::uint8_t> take(std::size_t size) {
    if (size > rest_.size()) {
      rest_ = {};
      sound_ = false;
      return {};
    }
    const auto taken = rest_.first(size);
    rest_ = rest_.subspan(size);
    return taken;
  }
  // A vector behind its length.
  Reader vector(std::size_t size_of_length) { return Reader(take(number(size_of_length))); }
  bool done() const { return rest_.empty(); }
  bool sound() const { return sound_; }
  std::string text() const { return {reinterpret_cast<const char*>(rest_.data()), rest_.size()}; }

 private:
  std::span<const std::uint8_t> rest_;
  bool sound_ = true;
};

bool is_host_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

// In lower case and without the dot at its end; "" unless it is a name (RFC 6066, 3: no address, ASCII).
std::string host_name(std::string name) {
  for (char& c : name) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  if (!name.empty() && name.back() == '.') name.pop_back();
  const bool sound = name.size() <= kNameMost && std::all_of(name.begin(), name.end(), is_host_character);
  return sound ? name : "";
}

}  // namespace

std::size_t Hello::feed(std::span<const std::uint8_t> wire) {
  const std::size_t offered = wire.size();
  while (state_ == State::kPartial && !wire.empty()) {
    if (left_ == 0) {
      const std::size_t piece = std::min(wire.size(), kHeader - header_size_);
      std::memcpy(header_.data() + header_size_, wire.data(), piece);
      header_size_ += piece;
      keep(wire.first(piece));
      wire = wire.subspan(piece);
      if (header_[0] != kHandshake || (header_size_ > 1 && header_[1] != 3)) {
        state_ = State::kOther;
      } else if (header_size_ == kHeader) {
        left_ = static_cast<std::size_t>(header_[3]) << 8 | header_[4];
        header_size_ = 0;
        if (left_ == 0 || left_ > kRecordMost) state_ = State::kOther;
      }
    } else {
      const std::size_t piece = std::min(wire.size(), left_);
      for (std::size_t i = 0; i < piece && received_ + i < prefix_.size(); ++i) prefix_[received_ + i] = wire[i];
      received_ += piece;
      left_ -= piece;
      keep(wire.first(piece));
      wire = wire.subspan(piece);
      if (prefix_[0] != kClientHello) state_ = State::kOther;
      if (received_ >= prefix_.size()) {
        if (length() > kMessageMost) {
          state_ = State::kOther;
        } else if (received_ >= prefix_.size() + length() && state_ == State::kPartial) {
          state_ = State::kWhole;
          parse();
        }
      }
    }
    if (wire_.size() > kWireMost && state_ == State::kPartial) state_ = State::kOther;
  }
  return offered - wire.size();
}

// Grows by doubling from what most hellos need, but no further than to the end of the message.
void Hello::keep(std::span<const std::uint8_t> bytes) {
  const std::size_t needed = wire_.size() + bytes.size();
  if (wire_.capacity() < needed) {
    const std::size_t end =
        received_ < prefix_.size() ? kMessageMost : needed + std::max(prefix_.size() + length(), received_) - received_;
    wire_.reserve(std::max(needed, std::min(end, std::max<std::size_t>(2 * wire_.capacity(), 512))));
  }
  wire_.insert(wire_.end(), bytes.begin(), bytes.end());
}

void Hello::parse() {
  std::vector<std::uint8_t> message;
  message.reserve(received_);
  for (Reader records(wire_); !records.done();) {
    records.take(3);
    const auto part = records.take(records.number(2));
    message.insert(message.end(), part.begin(), part.end());
  }
  Reader hello(message);
  hello.take(1);
  hello = hello.vector(3);
  hello.take(2 + 32);
  hello.vector(1);
  hello.vector(2);
  hello.vector(1);
  Reader extensions = hello.vector(2);
  while (!extensions.done()) {
    const std::size_t type = extensions.number(2);
    Reader extension = extensions.vector(2);
    if (type == kExtensionServerName) {
      Reader list = extension.vector(2);
      const bool is_name = list.number(1) == 0;
      const Reader name = list.vector(2);
      if (is_name && list.sound()) server_name_ = host_name(name.text());
    } else if (type == kExtensionAlpn) {
      const Reader list = extension.vector(2);
      if (extension.sound()) protocols_ = list.text();
    }
  }
}

}  // namespace skein::tls
