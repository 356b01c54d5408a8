// io_uring's part of the kernel's interface that is used here (io_uring_setup(2), io_uring_enter(2),
// io_uring_register(2)), declared anew: the headers of a machine that builds are often older than the kernel of the one
// that runs, and some of what follows is younger than any long-lived distribution. Numbers are the kernel's, for good.
#pragma once

#include <cstdint>

namespace skein::uring {

inline constexpr long kSetupCall = 425;
inline constexpr long kEnterCall = 426;
inline constexpr long kRegisterCall = 427;

// Operations.
inline constexpr std::uint8_t kOpPollAdd = 6;
inline constexpr std::uint8_t kOpAccept = 13;
inline constexpr std::uint8_t kOpAsyncCancel = 14;
inline constexpr std::uint8_t kOpReceive = 27;

// Flags of a request, and of kinds of requests (in `priority`).
inline constexpr std::uint8_t kSelectBuffer = 1u << 5;
inline constexpr std::uint8_t kSkipSuccess = 1u << 6;  // no completion unless it fails
inline constexpr std::uint16_t kReceiveMultishot = 1u << 1;
inline constexpr std::uint16_t kAcceptMultishot = 1u << 0;

struct Request {
  std::uint8_t operation;
  std::uint8_t flags;
  std::uint16_t priority;
  std::int32_t fd;
  std::uint64_t offset;
  std::uint64_t address;
  std::uint32_t length;
  std::uint32_t operation_flags;  // accept4's flags, poll's events
  std::uint64_t user_data;
  std::uint16_t buffer_group;
  std::uint16_t personality;
  std::uint32_t file_index;
  std::uint64_t rest[2];
};
static_assert(sizeof(Request) == 64);

// Flags of a completion; the upper 16 bits are the buffer's number.
inline constexpr std::uint32_t kHasBuffer = 1u << 0;
inline constexpr std::uint32_t kMore = 1u << 1;          // the request goes on
inline constexpr std::uint32_t kNonEmpty = 1u << 2;      // the socket has more; of accept, since Linux 6.10
inline constexpr std::uint32_t kBufferGoesOn = 1u << 4;  // the buffer has room for more (Linux 6.12)

struct Completion {
  std::uint64_t user_data;
  std::int32_t result;
  std::uint32_t flags;
};
static_assert(sizeof(Completion) == 16);

// io_uring_setup.
inline constexpr std::uint32_t kSetupCompletions = 1u << 3;  // completion_entries is given
inline constexpr std::uint32_t kSetupSubmitAll = 1u << 7;
inline constexpr std::uint32_t kSetupTaskrunFlag = 1u << 9;  // kTaskrun is kept
inline constexpr std::uint32_t kSetupSingleIssuer = 1u << 12;
inline constexpr std::uint32_t kSetupDeferTaskrun = 1u << 13;
inline constexpr std::uint32_t kFeatureSingleMmap = 1u << 0;
inline constexpr std::uint32_t kFeatureNoDrop = 1u << 1;

struct SubmissionOffsets {
  std::uint32_t head, tail, ring_mask, ring_entries, flags, dropped, array, reserved;
  std::uint64_t user_address;
};
struct CompletionOffsets {
  std::uint32_t head, tail, ring_mask, ring_entries, overflow, completions, flags, reserved;
  std::uint64_t user_address;
};
struct Parameters {
  std::uint32_t submission_entries, completion_entries, flags, thread_cpu, thread_idle, features, wq_fd;
  std::uint32_t reserved[3];
  SubmissionOffsets submissions;
  CompletionOffsets completions;
};
static_assert(sizeof(Parameters) == 120);

// Words of the rings in shared memory: flags of the submissions, by the kernel, and of the completions, by us.
inline constexpr std::uint32_t kOverflow = 1u << 1;  // completions wait for room
inline constexpr std::uint32_t kTaskrun = 1u << 2;   // enter() would bring something
inline constexpr std::uint32_t kEventfdDisabled = 1u << 0;

inline constexpr std::int64_t kOffsetRings = 0;
inline constexpr std::int64_t kOffsetRequests = 0x10000000;

// io_uring_enter.
inline constexpr std::uint32_t kGetEvents = 1u << 0;

// io_uring_register.
inline constexpr std::uint32_t kRegisterEventfd = 4;
inline constexpr std::uint32_t kRegisterBufferRing = 22;
inline constexpr std::uint32_t kSyncCancel = 24;
inline constexpr std::uint16_t kBufferRingIncremental = 2;  // Linux 6.12
inline constexpr std::uint32_t kCancelAll = 1u << 0;
inline constexpr std::uint32_t kCancelAny = 1u << 2;

// A buffer that the kernel may fill. The ring's tail stands in the last two bytes of the first one.
struct Buffer {
  std::uint64_t address;
  std::uint32_t length;
  std::uint16_t number;
  std::uint16_t tail;
};
struct BufferRing {
  std::uint64_t address;
  std::uint32_t entries;
  std::uint16_t group;
  std::uint16_t flags;
  std::uint64_t reserved[3];
};
struct SyncCancel {
  std::uint64_t user_data;
  std::int32_t fd;
  std::uint32_t flags;
  std::int64_t seconds, nanoseconds;
  std::uint64_t reserved[4];
};

}  // namespace skein::uring
