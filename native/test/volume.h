// How much of a random test is done, and from which seed: what test/helpers/volume.ts is for tests of JavaScript.
#pragma once

#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace skein::test {

// `in_gate` times the fraction that SKEIN_VOLUME names, at least 1; `in_long` when it is "long".
inline int volume(int in_gate, int in_long) {
  const char* const said = std::getenv("SKEIN_VOLUME");
  const std::string volume = said == nullptr ? "1" : said;
  if (volume == "long") return in_long;
  const int count = static_cast<int>(in_gate * std::strtod(volume.c_str(), nullptr));
  return count < 1 ? 1 : count;
}

// Numbers that look random, the same ones for a seed: splitmix64.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // Below `bound`; 0 when that is 0.
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : static_cast<std::size_t>(next() % bound); }
  bool one_in(std::size_t count) { return below(count) == 0; }

 private:
  std::uint64_t state_;
};

// Of this run: SKEIN_TEST_SEED, or another one each time, which is printed.
inline std::uint64_t test_seed() {
  static const std::uint64_t seed = [] {
    const char* const said = std::getenv("SKEIN_TEST_SEED");
    if (said != nullptr) return std::strtoull(said, nullptr, 10);
    Random random(static_cast<std::uint64_t>(::getpid()) << 32 ^ reinterpret_cast<std::uintptr_t>(&said));
    return static_cast<unsigned long long>(random.next() % (1u << 31));
  }();
  return seed;
}

}  // namespace skein::test
