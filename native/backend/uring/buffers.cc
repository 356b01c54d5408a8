#include "backend/uring/buffers.h"

#include <sys/mman.h>

#include <cerrno>

namespace skein::uring {

namespace {

constexpr std::uint32_t kLargeBuffers = 128;
constexpr std::uint32_t kLargeBytes = 32 * 1024;
constexpr std::uint32_t kSmallBuffers = 1024;
constexpr std::uint32_t kSmallBytes = 4 * 1024;
constexpr std::uint32_t kOfferedAtOnce = 512 * 1024;
constexpr std::size_t kPage = 4096;

std::uint16_t number_of(const Completion& completion) {
  return static_cast<std::uint16_t>(completion.flags >> 16);
}

}  // namespace

Buffers::~Buffers() {
  if (ring_ != nullptr) ::munmap(ring_, mapped_);
}

int Buffers::open(Ring& ring) {
  const int result = offer(ring, kLargeBuffers, kLargeBytes, kBufferRingIncremental);
  return result == -EINVAL ? offer(ring, kSmallBuffers, kSmallBytes, 0) : result;
}

// One mapping holds the ring of buffers, at its beginning as the kernel wants it, and the buffers. What was never
// offered takes no memory.
int Buffers::offer(Ring& ring, std::uint32_t count, std::uint32_t bytes, std::uint16_t flags) {
  const std::size_t head = (count * sizeof(Buffer) + kPage - 1) / kPage * kPage;
  mapped_ = head + std::size_t{count} * bytes;
  void* mapping = ::mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED) return -errno;
  BufferRing description{};
  description.address = reinterpret_cast<std::uintptr_t>(mapping);
  description.entries = count;
  description.group = kGroup;
  description.flags = flags;
  if (const int result = ring.register_with(kRegisterBufferRing, &description, 1); result < 0) {
    ::munmap(mapping, mapped_);
    return result;
  }
  ring_ = static_cast<Buffer*>(mapping);
  memory_ = static_cast<std::uint8_t*>(mapping) + head;
  count_ = count;
  bytes_ = bytes;
  used_.assign(count, 0);
  kept_.reserve(count);
  offer_more();
  return 0;
}

void Buffers::offer_more() {
  if (withheld_) return;
  for (std::uint32_t bytes = 0; bytes < kOfferedAtOnce && offered_ < count_; bytes += bytes_) {
    add(static_cast<std::uint16_t>(offered_++));
  }
}

std::span<const std::uint8_t> Buffers::take(const Completion& completion) {
  const std::uint16_t number = number_of(completion);
  const std::size_t bytes = completion.result > 0 ? static_cast<std::size_t>(completion.result) : 0;
  const std::uint8_t* begin = memory_ + std::size_t{number} * bytes_ + used_[number];
  used_[number] += static_cast<std::uint32_t>(bytes);
  return {begin, bytes};
}

void Buffers::give_back(const Completion& completion) {
  if ((completion.flags & kBufferGoesOn) != 0) return;
  const std::uint16_t number = number_of(completion);
  used_[number] = 0;
  if (withheld_) {
    kept_.push_back(number);
  } else {
    add(number);
  }
}

void Buffers::withhold(bool withheld) {
  withheld_ = withheld;
  if (withheld) return;
  for (const std::uint16_t number : kept_) add(number);
  kept_.clear();
}

void Buffers::add(std::uint16_t number) {
  Buffer& slot = ring_[tail_ & (count_ - 1)];
  slot.address = reinterpret_cast<std::uintptr_t>(memory_ + std::size_t{number} * bytes_);
  slot.length = bytes_;
  slot.number = number;
  __atomic_store_n(&ring_[0].tail, ++tail_, __ATOMIC_RELEASE);
}

}  // namespace skein::uring
