// Latencies in buckets whose width grows with the value: 64 to every power of two, so a quantile is right to 1.6 %.
// Recording one is a shift and an increment; the whole range of a 64-bit count of nanoseconds fits in 15 KiB.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

class Histogram {
 public:
  void record(std::uint64_t value) {
    counts_[bucket(value)]++;
    total_++;
  }

  void clear() { *this = Histogram(); }

  // The value that `share` of the recorded ones do not exceed; 0 when nothing was recorded.
  double quantile(double share) const {
    const auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size() && total_ > 0; i++) {
      seen += counts_[i];
      if (seen >= rank) return middle(i);
    }
    return 0;
  }

 private:
  static constexpr unsigned kBits = 6;
  static constexpr std::size_t kLinear = std::size_t{2} << kBits;  // below it every value has its own bucket

  static std::size_t bucket(std::uint64_t value) {
    if (value < kLinear) return value;
    const auto shift = static_cast<std::size_t>(std::bit_width(value)) - (kBits + 1);
    return (shift << kBits) + (value >> shift);
  }

  static double middle(std::size_t index) {
    if (index < kLinear) return static_cast<double>(index);
    const auto shift = (index >> kBits) - 1;
    const auto low = (index - (shift << kBits)) << shift;
    return static_cast<double>(low) + static_cast<double>(std::uint64_t{1} << shift) / 2;
  }

  std::array<std::uint32_t, (64 - kBits + 1) << kBits> counts_{};
  std::uint64_t total_ = 0;
};
