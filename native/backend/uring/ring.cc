#include "backend/uring/ring.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "net/errno_table.h"

namespace skein::uring {

namespace {

constexpr std::uint32_t kRequests = 512;
constexpr std::uint32_t kCompletions = 4096;

// For the kernel to see that it is muted just before it would signal, it has to look after it has set its own flag. Its
// code does, and x86 keeps that order.
#if defined(__x86_64__)
constexpr std::uint32_t kMuted = kEventfdDisabled;
#else
constexpr std::uint32_t kMuted = 0;
#endif

template <typename... Arguments>
int call(long number, Arguments... arguments) {
  const long result = ::syscall(number, arguments...);
  return result >= 0 ? static_cast<int>(result) : -errno;
}

std::uint32_t* word(std::byte* ring, std::uint32_t offset) {
  return reinterpret_cast<std::uint32_t*>(ring + offset);
}

}  // namespace

Ring::~Ring() {
  if (requests_ != nullptr) ::munmap(requests_, requests_bytes_);
  if (rings_ != nullptr) ::munmap(rings_, rings_bytes_);
  if (fd_ >= 0) ::close(fd_);
  if (event_ >= 0) ::close(event_);
}

int Ring::open() {
  Parameters parameters{};
  parameters.flags = kSetupCompletions | kSetupSubmitAll | kSetupSingleIssuer | kSetupDeferTaskrun | kSetupTaskrunFlag;
  parameters.completion_entries = kCompletions;
  fd_ = call(kSetupCall, kRequests, &parameters);
  if (fd_ < 0) return fd_;
  if ((parameters.features & (kFeatureSingleMmap | kFeatureNoDrop)) != (kFeatureSingleMmap | kFeatureNoDrop)) {
    return -ENOSYS;
  }
  if (const int result = map(parameters); result < 0) return result;
  event_ = ::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (event_ < 0) return -errno;
  return register_with(kRegisterEventfd, &event_, 1);
}

int Ring::map(const Parameters& parameters) {
  const SubmissionOffsets& submissions = parameters.submissions;
  const CompletionOffsets& completions = parameters.completions;
  const auto map_at = [this](std::size_t bytes, std::int64_t offset) {
    return ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, offset);
  };
  rings_bytes_ = std::max(submissions.array + parameters.submission_entries * sizeof(std::uint32_t),
                          completions.completions + parameters.completion_entries * sizeof(Completion));
  void* rings = map_at(rings_bytes_, kOffsetRings);
  if (rings == MAP_FAILED) return -errno;
  rings_ = static_cast<std::byte*>(rings);
  requests_bytes_ = parameters.submission_entries * sizeof(Request);
  void* requests = map_at(requests_bytes_, kOffsetRequests);
  if (requests == MAP_FAILED) return -errno;
  requests_ = static_cast<Request*>(requests);

  submission_tail_ = word(rings_, submissions.tail);
  submission_flags_ = word(rings_, submissions.flags);
  submission_mask_ = *word(rings_, submissions.ring_mask);
  submission_entries_ = parameters.submission_entries;
  // The kernel takes requests by way of this list, which always says the same here.
  for (std::uint32_t i = 0; i < parameters.submission_entries; ++i) word(rings_, submissions.array)[i] = i;
  completion_flags_ = word(rings_, completions.flags);
  completion_head_ = word(rings_, completions.head);
  completion_tail_ = word(rings_, completions.tail);
  completion_mask_ = *word(rings_, completions.ring_mask);
  completions_ = reinterpret_cast<const Completion*>(rings_ + completions.completions);
  return 0;
}

Request& Ring::next() {
  if (in_ring() == submission_entries_) enter();
  if (in_ring() == submission_entries_) return late_.emplace_back();
  Request& request = requests_[tail_++ & submission_mask_];
  request = {};
  return request;
}

void Ring::forget(int fd) {
  for (std::uint32_t i = submitted_; i != tail_; ++i) {
    Request& request = requests_[i & submission_mask_];
    if (request.fd == fd) request.fd = -1;
  }
  for (Request& request : late_) {
    if (request.fd == fd) request.fd = -1;
  }
}

int Ring::enter() {
  __atomic_store_n(submission_tail_, tail_, __ATOMIC_RELEASE);
  // What is left goes next time.
  const int taken = call(kEnterCall, fd_, in_ring(), 0, kGetEvents, nullptr, 0);
  if (taken > 0) submitted_ += static_cast<std::uint32_t>(taken);
  if (!late_.empty()) take_late();
  return taken;
}

void Ring::take_late() {
  const std::size_t count = std::min<std::size_t>(late_.size(), submission_entries_ - in_ring());
  for (std::size_t i = 0; i < count; ++i) requests_[tail_++ & submission_mask_] = late_[i];
  late_.erase(late_.begin(), late_.begin() + static_cast<std::ptrdiff_t>(count));
}

const Completion* Ring::peek() const {
  const std::uint32_t head = *completion_head_;
  if (head == __atomic_load_n(completion_tail_, __ATOMIC_ACQUIRE)) return nullptr;
  return &completions_[head & completion_mask_];
}

void Ring::seen() {
  __atomic_store_n(completion_head_, *completion_head_ + 1, __ATOMIC_RELEASE);
}

bool Ring::has_more() const {
  const std::uint32_t flags = __atomic_load_n(submission_flags_, __ATOMIC_ACQUIRE);
  return (flags & (kTaskrun | kOverflow)) != 0 || peek() != nullptr;
}

void Ring::mute() {
  __atomic_store_n(completion_flags_, kMuted, __ATOMIC_RELAXED);
}

void Ring::unmute() {
  __atomic_store_n(completion_flags_, 0, __ATOMIC_RELAXED);
  __atomic_thread_fence(__ATOMIC_SEQ_CST);
  if (has_more()) wake();
}

int Ring::register_with(std::uint32_t what, void* argument, unsigned count) {
  return call(kRegisterCall, fd_, what, argument, count);
}

int Ring::wait(int timeout_ms) {
  const auto failure = [] {
    return net::meaning_of(net::Call::kWait, errno) == net::Meaning::kInterrupted ? 0 : -errno;
  };
  if (timeout_ms != 0) {
    pollfd entry{event_, POLLIN, 0};
    if (const int ready = ::poll(&entry, 1, timeout_ms); ready <= 0) return ready < 0 ? failure() : 0;
  }
  std::uint64_t count;
  if (::read(event_, &count, sizeof count) > 0) return 1;
  return net::would_block(-errno) ? 0 : failure();
}

void Ring::wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(event_, &one, sizeof one);
}

}  // namespace skein::uring
