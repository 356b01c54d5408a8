// A filter for tests, with everything that TLS makes hard and nothing of what TLS is for.
//
//     record   | kind | 0 | length (3 bytes, little-endian) | payload | its sum (4 bytes) |      of at most 16 KiB of
//     plain
//
//     'H' hello     the first record of each end; nothing is sealed before the peer's has come
//     'D' data      each plain byte and the key
//     'P' ping      is answered by 'Q' with the same payload
//     'C' close     nothing follows
//     'A' alert     why the other end gives up
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>
#include <vector>

#include "engine/filter.h"

namespace skein::test {

class RecordFilter final : public Filter {
 public:
  static constexpr std::size_t kPlainMost = 16 * 1024;
  static constexpr std::size_t kHeader = 5;
  static constexpr std::size_t kTrailer = 4;
  static constexpr std::uint8_t kKey = 0x5a;

  static std::string record(char kind, std::string payload) {
    std::uint32_t sum = 0;
    for (char& byte : payload) {
      byte = static_cast<char>(byte ^ kKey);
      sum = sum * 31 + static_cast<std::uint8_t>(byte);
    }
    std::string made{kind, '\0'};
    for (std::size_t i = 0; i < 3; ++i) made += static_cast<char>(payload.size() >> (8 * i));
    made += payload;
    for (std::size_t i = 0; i < kTrailer; ++i) made += static_cast<char>(sum >> (8 * i));
    return made;
  }

  Received receive(std::span<const std::uint8_t> wire, std::span<std::uint8_t> plain) override {
    Received result;
    for (;;) {
      result.produced += give_out(plain.subspan(result.produced));
      if (result.produced == plain.size() || pending() > 0) return result;
      const std::size_t missing = wanted() - partial_.size();
      const std::size_t piece = std::min(missing, wire.size() - result.taken);
      partial_.append(reinterpret_cast<const char*>(wire.data()) + result.taken, piece);
      result.taken += piece;
      if (partial_.size() == kHeader && wanted() > kHeader + kPlainMost + kTrailer) {
        fail(result, EBADMSG);
        return result;
      }
      if (piece > 0 && partial_.size() == kHeader) continue;
      if (partial_.size() < wanted()) return result;
      if (!open_record(result)) return result;
    }
  }

  std::size_t pending() const override { return opened_.size() - given_; }

  Sent send(std::span<const Slice> plain, std::span<std::uint8_t> wire) override {
    Sent result;
    greet();
    if (established_ && !closing_ && !failed_) {
      std::string text;
      for (const Slice& slice : plain) {
        // As much as there is certainly room for, however it is split.
        const std::size_t room = wire.size() / 2 - std::min(wire.size() / 2, text.size());
        text.append(static_cast<const char*>(slice.data), std::min(slice.size, room));
      }
      result.taken = text.size();
      for (std::size_t at = 0; at < text.size(); at += kPlainMost) {
        ++data_records;
        say('D', text.substr(at, kPlainMost));
      }
    }
    if (closing_ && !said_close_ && !failed_) {
      said_close_ = true;
      say('C', "");
    }
    result.produced = std::min(wire.size(), words_.size());
    std::memcpy(wire.data(), words_.data(), result.produced);
    words_.erase(0, result.produced);
    return result;
  }

  std::size_t unsent() const override { return words_.size(); }
  bool established() const override { return established_; }
  void close() override { closing_ = true; }
  int truncated() override { return EPIPE; }

  std::size_t data_records = 0;  // sealed so far

 private:
  void greet() {
    if (!greeted_) say('H', "hello");
    greeted_ = true;
  }

  void say(char kind, const std::string& payload) { words_ += record(kind, payload); }

  std::size_t give_out(std::span<std::uint8_t> plain) {
    const std::size_t piece = std::min(plain.size(), pending());
    std::memcpy(plain.data(), opened_.data() + given_, piece);
    given_ += piece;
    return piece;
  }

  std::size_t wanted() const {
    if (partial_.size() < kHeader) return kHeader;
    std::size_t length = 0;
    for (std::size_t i = 0; i < 3; ++i) length |= std::size_t{static_cast<std::uint8_t>(partial_[2 + i])} << (8 * i);
    return kHeader + length + kTrailer;
  }

  void fail(Received& result, int error) {
    result.error = error;
    failed_ = true;
    greet();
    if (error == EBADMSG) say('A', "bad record");
  }

  // False when nothing follows.
  bool open_record(Received& result) {
    std::string payload = partial_.substr(kHeader, partial_.size() - kHeader - kTrailer);
    for (char& byte : payload) byte = static_cast<char>(byte ^ kKey);
    const bool sound = record(partial_[0], payload) == partial_;
    const char kind = partial_[0];
    partial_.clear();
    if (sound && kind == 'H') {
      established_ = true;
    } else if (sound && kind == 'D' && established_) {
      opened_ = std::move(payload);
      given_ = 0;
    } else if (sound && kind == 'P' && established_) {
      say('Q', payload);
    } else if (sound && kind == 'C') {
      result.ended = true;
      return false;
    } else {
      fail(result, sound && kind == 'A' ? ECONNABORTED : EBADMSG);
      return false;
    }
    return true;
  }

  std::string partial_;  // of the record that comes
  std::string opened_;
  std::size_t given_ = 0;  // of opened_
  std::string words_;      // sealed, and not fetched yet
  bool greeted_ = false;
  bool established_ = false;
  bool closing_ = false;
  bool said_close_ = false;
  bool failed_ = false;
};

class RecordFilters final : public FilterMaker {
 public:
  std::unique_ptr<Filter> make() override {
    auto made = std::make_unique<RecordFilter>();
    latest = made.get();
    return made;
  }
  RecordFilter* latest = nullptr;
};

}  // namespace skein::test
