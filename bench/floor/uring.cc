// What could io_uring bring to a server of short connections? An echo like echo.cc, in each of the ways that a program
// may use a ring, with nothing but the kernel around it:
//
//   uring DESIGN          prints LISTENING <port>, serves 127.0.0.1 until it is killed
//
//   inline     multishot accept and receive into provided buffers; getpeername(2), send(2), close(2)   (Skein's)
//   addresses  as inline, but single accepts, 64 of them under way, that bring the peer's address: no getpeername(2)
//   requests   as inline, but send and close are requests, too
//   direct     as requests, with descriptors that live in the ring only: no number of the process is taken or freed,
//   and
//              nobody can ask for the peer's address: no system call for a connection at all
//   poll       the ring only tells of readiness (poll requests); accept4(2), recv(2), send(2), close(2)
//
// Each waits and hands over its requests in one call a turn. The ring completes when that call is made (DEFER_TASKRUN);
// with --cooperative it completes at any call (COOP_TASKRUN). Answers that the kernel does not take whole are not kept:
// this serves small messages only.

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "../../native/backend/uring/abi.h"
#include "listening.h"

namespace {

using namespace skein::uring;

constexpr std::uint8_t kOpClose = 19;
constexpr std::uint8_t kOpSend = 26;
constexpr std::uint8_t kFixedFile = 1u << 0;
constexpr std::uint32_t kSetupCoopTaskrun = 1u << 8;
constexpr std::uint32_t kRegisterFiles = 13;
constexpr std::uint32_t kSparse = 1u << 0;
constexpr std::uint32_t kAnySlot = ~0u;

constexpr std::uint32_t kRequests = 4096;
constexpr std::uint32_t kCompletions = 16384;
constexpr std::uint32_t kFiles = 4096;
constexpr std::uint32_t kAccepts = 64;
constexpr std::uint32_t kBuffers = 1024;
constexpr std::uint32_t kBufferBytes = 4096;
constexpr std::uint16_t kGroup = 1;

class Ring {
 public:
  explicit Ring(bool cooperative) {
    Parameters parameters{};
    parameters.flags = kSetupCompletions | kSetupSubmitAll | kSetupSingleIssuer |
                       (cooperative ? kSetupCoopTaskrun : kSetupDeferTaskrun);
    parameters.completion_entries = kCompletions;
    fd_ = static_cast<int>(syscall(kSetupCall, kRequests, &parameters));
    if (fd_ < 0) fail("io_uring_setup");
    const auto map = [this](std::size_t bytes, std::int64_t offset) {
      void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, offset);
      if (at == MAP_FAILED) fail("mmap");
      return static_cast<std::byte*>(at);
    };
    const SubmissionOffsets& in = parameters.submissions;
    const CompletionOffsets& out = parameters.completions;
    std::byte* rings = map(std::max(in.array + parameters.submission_entries * sizeof(std::uint32_t),
                                    out.completions + parameters.completion_entries * sizeof(Completion)),
                           kOffsetRings);
    requests_ = reinterpret_cast<Request*>(map(parameters.submission_entries * sizeof(Request), kOffsetRequests));
    const auto word = [rings](std::uint32_t at) { return reinterpret_cast<std::uint32_t*>(rings + at); };
    for (std::uint32_t i = 0; i < parameters.submission_entries; i++) word(in.array)[i] = i;
    in_tail_ = word(in.tail);
    in_mask_ = *word(in.ring_mask);
    out_head_ = word(out.head);
    out_tail_ = word(out.tail);
    out_mask_ = *word(out.ring_mask);
    completions_ = reinterpret_cast<Completion*>(rings + out.completions);
  }

  Request& next(std::uint8_t operation, int fd, std::uint64_t user_data) {
    if (tail_ - submitted_ == kRequests) enter(0);
    Request& request = requests_[tail_++ & in_mask_];
    request = {};
    request.operation = operation;
    request.fd = fd;
    request.user_data = user_data;
    return request;
  }

  void enter(unsigned wait_for) {
    __atomic_store_n(in_tail_, tail_, __ATOMIC_RELEASE);
    const long taken = syscall(kEnterCall, fd_, tail_ - submitted_, wait_for, kGetEvents, nullptr, 0);
    if (taken < 0 && errno != EINTR) fail("io_uring_enter");
    if (taken > 0) submitted_ += static_cast<std::uint32_t>(taken);
  }

  bool take(Completion& completion) {
    const std::uint32_t head = *out_head_;
    if (head == __atomic_load_n(out_tail_, __ATOMIC_ACQUIRE)) return false;
    completion = completions_[head & out_mask_];
    __atomic_store_n(out_head_, head + 1, __ATOMIC_RELEASE);
    return true;
  }

  void register_with(std::uint32_t what, void* argument, unsigned count) {
    if (syscall(kRegisterCall, fd_, what, argument, count) < 0) fail("io_uring_register");
  }

 private:
  int fd_;
  Request* requests_;
  std::uint32_t* in_tail_;
  std::uint32_t in_mask_;
  std::uint32_t tail_ = 0;
  std::uint32_t submitted_ = 0;
  std::uint32_t* out_head_;
  std::uint32_t* out_tail_;
  std::uint32_t out_mask_;
  Completion* completions_;
};

class Buffers {
 public:
  explicit Buffers(Ring& ring) {
    const std::size_t head = kBuffers * sizeof(Buffer);
    void* at =
        mmap(nullptr, head + kBuffers * kBufferBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED) fail("mmap");
    ring_ = static_cast<Buffer*>(at);
    memory_ = static_cast<std::byte*>(at) + head;
    BufferRing description{};
    description.address = reinterpret_cast<std::uintptr_t>(at);
    description.entries = kBuffers;
    description.group = kGroup;
    ring.register_with(kRegisterBufferRing, &description, 1);
    for (std::uint32_t i = 0; i < kBuffers; i++) give_back(static_cast<std::uint16_t>(i));
  }

  std::byte* at(std::uint16_t number) { return memory_ + std::size_t{number} * kBufferBytes; }

  void give_back(std::uint16_t number) {
    Buffer& slot = ring_[tail_ & (kBuffers - 1)];
    slot.address = reinterpret_cast<std::uintptr_t>(at(number));
    slot.length = kBufferBytes;
    slot.number = number;
    __atomic_store_n(&ring_[0].tail, ++tail_, __ATOMIC_RELEASE);
  }

 private:
  Buffer* ring_;
  std::byte* memory_;
  std::uint16_t tail_ = 0;
};

enum class Design { kInline, kAddresses, kRequests, kDirect, kPoll };

class EchoServer {
 public:
  EchoServer(Design design, bool cooperative)
      : design_(design), ring_(cooperative), buffers_(ring_), listener_(listenAnywhere()) {
    if (design_ == Design::kDirect) {
      std::uint32_t sparse[8] = {kFiles, kSparse};  // struct io_uring_rsrc_register
      ring_.register_with(kRegisterFiles, sparse, sizeof sparse);
    }
    for (std::uint32_t i = 0; i < (design_ == Design::kAddresses ? kAccepts : 1); i++) accept(i);
  }

  void announce() const { ::announce(listener_); }

  [[noreturn]] void run() {
    Completion completion;
    for (;;) {
      ring_.enter(1);
      while (ring_.take(completion)) completed(completion);
    }
  }

 private:
  // The upper half of user_data; below it stand the descriptor, and a buffer's number above that.
  enum Kind : std::uint64_t { kAccept = 1, kReceive = 2, kSend = 3, kClose = 4 };

  static std::uint64_t name(Kind kind, std::uint32_t fd, std::uint16_t buffer = 0) {
    return kind << 48 | std::uint64_t{buffer} << 32 | fd;
  }

  bool by_requests() const { return design_ == Design::kRequests || design_ == Design::kDirect; }

  Request& request(std::uint8_t operation, std::uint32_t fd, std::uint64_t user_data) {
    Request& request = ring_.next(operation, static_cast<int>(fd), user_data);
    if (design_ == Design::kDirect) request.flags = kFixedFile;
    return request;
  }

  void accept(std::uint32_t i) {
    const std::uint8_t operation = design_ == Design::kPoll ? kOpPollAdd : kOpAccept;
    Request& request = ring_.next(operation, listener_, name(kAccept, i));
    if (design_ == Design::kPoll) {
      request.operation_flags = POLLIN;
    } else if (design_ == Design::kAddresses) {
      lengths_[i] = sizeof addresses_[i];
      request.address = reinterpret_cast<std::uintptr_t>(&addresses_[i]);
      request.offset = reinterpret_cast<std::uintptr_t>(&lengths_[i]);
      request.operation_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    } else {
      request.priority = kAcceptMultishot;
      if (design_ == Design::kDirect) {
        request.file_index = kAnySlot;
      } else {
        request.operation_flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
      }
    }
  }

  void receive(std::uint32_t fd) {
    if (design_ == Design::kPoll) {
      ring_.next(kOpPollAdd, static_cast<int>(fd), name(kReceive, fd)).operation_flags = POLLIN;
      return;
    }
    Request& asked = request(kOpReceive, fd, name(kReceive, fd));
    asked.priority = kReceiveMultishot;
    asked.flags |= kSelectBuffer;
    asked.buffer_group = kGroup;
  }

  void close(std::uint32_t fd) {
    if (!by_requests()) {
      ::close(static_cast<int>(fd));
      return;
    }
    Request& asked = ring_.next(kOpClose, 0, name(kClose, fd));
    asked.flags = kSkipSuccess;
    if (design_ == Design::kDirect) {
      asked.file_index = fd + 1;
    } else {
      asked.fd = static_cast<int>(fd);
    }
  }

  void completed(const Completion& completion) {
    const auto kind = static_cast<Kind>(completion.user_data >> 48);
    const auto fd = static_cast<std::uint32_t>(completion.user_data);
    const bool more = (completion.flags & kMore) != 0;
    const auto number = static_cast<std::uint16_t>(completion.flags >> 16);
    switch (kind) {
      case kAccept:
        if (design_ == Design::kPoll) {
          accept_all();
        } else if (completion.result >= 0) {
          accepted(static_cast<std::uint32_t>(completion.result));
        }
        if (!more) accept(fd);
        break;
      case kReceive:
        if (design_ == Design::kPoll) {
          receive_once(fd);
        } else if (completion.result > 0) {
          answer(fd, number, static_cast<std::uint32_t>(completion.result));
          if (!more) receive(fd);
        } else if (completion.result == -ENOBUFS) {
          receive(fd);
        } else {
          if ((completion.flags & kHasBuffer) != 0) buffers_.give_back(number);
          close(fd);
        }
        break;
      case kSend:
        buffers_.give_back(static_cast<std::uint16_t>(completion.user_data >> 32));
        break;
      case kClose:
        break;
    }
  }

  void accept_all() {
    for (;;) {
      sockaddr_in peer;
      socklen_t length = sizeof peer;
      const int fd = accept4(listener_, reinterpret_cast<sockaddr*>(&peer), &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      receive(static_cast<std::uint32_t>(fd));
    }
  }

  void accepted(std::uint32_t fd) {
    if (design_ == Design::kInline || design_ == Design::kRequests) {
      sockaddr_in peer;
      socklen_t length = sizeof peer;
      getpeername(static_cast<int>(fd), reinterpret_cast<sockaddr*>(&peer), &length);
    }
    receive(fd);
  }

  void receive_once(std::uint32_t fd) {
    const ssize_t length = recv(static_cast<int>(fd), input_.data(), input_.size(), 0);
    if (length <= 0 && !(length < 0 && errno == EAGAIN)) return close(fd);
    if (length > 0) send(static_cast<int>(fd), input_.data(), static_cast<std::size_t>(length), MSG_NOSIGNAL);
    receive(fd);
  }

  void answer(std::uint32_t fd, std::uint16_t number, std::uint32_t length) {
    if (!by_requests()) {
      send(static_cast<int>(fd), buffers_.at(number), length, MSG_NOSIGNAL);
      buffers_.give_back(number);
      return;
    }
    Request& asked = request(kOpSend, fd, name(kSend, fd, number));
    asked.address = reinterpret_cast<std::uintptr_t>(buffers_.at(number));
    asked.length = length;
    asked.operation_flags = MSG_NOSIGNAL;
  }

  const Design design_;
  Ring ring_;
  Buffers buffers_;
  const int listener_;
  std::array<sockaddr_in, kAccepts> addresses_;
  std::array<socklen_t, kAccepts> lengths_;
  std::array<char, 64 * 1024> input_;
};

}  // namespace

int main(int argc, char** argv) {
  constexpr const char* kNames[] = {"inline", "addresses", "requests", "direct", "poll"};
  int design = -1;
  for (int i = 0; i < 5; i++) {
    if (argc > 1 && std::strcmp(argv[1], kNames[i]) == 0) design = i;
  }
  const bool cooperative = argc > 2 && std::strcmp(argv[2], "--cooperative") == 0;
  if (design < 0 || argc != (cooperative ? 3 : 2)) {
    std::fprintf(stderr, "usage: uring inline|addresses|requests|direct|poll [--cooperative]\n");
    return 2;
  }
  raiseOpenFiles();
  static EchoServer server(static_cast<Design>(design), cooperative);
  server.announce();
  server.run();
}
