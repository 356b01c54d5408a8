// The load: keeps an echo server busy and says how it did, in one line of JSON.
//
//   load --port P [--connections N] [--size B] [--pipeline P] [--seconds S] [--warmup S]
//        closed loop: every connection keeps P messages of B bytes under way
//   load --port P --churn [--connections N] ...
//        N at a time: connect, send B bytes, receive them, close, again; a message is a whole connection
//   load --port P --idle N
//        opens N connections, echoes B bytes on each, prints READY and holds them until its standard input ends
//   also: --framing lines|int32 (every message is a line that ends with CR LF, or a string behind its length in four
//         bytes, B bytes with them), --host A (a loopback address), --verify (compare every byte), --server-pid PID,
//         --cores 0,1 (accounting.h)
//
// Lengths are always checked: a server that answers more than it was sent, drops bytes or closes early ends the run
// with a message and exit code 1. Every connection sends a pattern of period 251 that starts at a phase of its own, so
// a byte that is lost, doubled, or from another connection shows under --verify; framed messages are all the same.
//
// A run opens its connections, warms up, measures, and then waits for the answers still under way:
//
//   OPENING ──all have echoed once──▶ WARMUP ──▶ MEASURING ──▶ DRAINING ──nothing under way──▶ done
//      └──(--idle)──▶ READY, until standard input ends

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <vector>

#include "accounting.h"
#include "histogram.h"
#include "options.h"

namespace {

std::uint64_t nanoseconds() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

// What connections send: any run of the pattern is contiguous here, wherever it starts, so nothing is ever assembled.
class Pattern {
 public:
  static constexpr std::uint64_t kLongest = 256 * 1024;

  explicit Pattern(const Options& options)
      : period_(options.framing == Framing::kNone ? 251 : options.size), bytes_(period_ + kLongest) {
    for (std::size_t i = 0; i < bytes_.size(); i++) bytes_[i] = byte(options, i % period_);
  }

  const char* at(std::uint64_t position) const { return bytes_.data() + position % period_; }

  // Framed messages all start where the pattern does.
  static std::uint64_t phase(const Options& options, std::uint64_t connection) {
    return options.framing == Framing::kNone ? connection * 37 : 0;
  }

 private:
  static char byte(const Options& options, std::uint64_t i) {
    switch (options.framing) {
      case Framing::kNone:
        return static_cast<char>(i);
      case Framing::kLines:
        return i == options.size - 2 ? '\r' : i == options.size - 1 ? '\n' : static_cast<char>('a' + i % 26);
      case Framing::kInt32:
        return static_cast<char>(i < 4 ? (options.size - 4) >> (8 * (3 - i)) : i);
    }
    return 0;
  }

  const std::uint64_t period_;
  std::vector<char> bytes_;
};

struct Connection {
  int fd = -1;
  bool waitsForOut = false;
  bool opening = true;  // until its first message came back
  std::uint64_t phase = 0;
  std::uint64_t due = 0;  // bytes asked for so far; sent, received and answered follow it
  std::uint64_t sent = 0;
  std::uint64_t received = 0;
  std::uint64_t answered = 0;            // whole messages
  std::vector<std::uint64_t> startedAt;  // of the messages under way, by number modulo the pipeline
};

class Load {
 public:
  explicit Load(Options options)
      : options_(std::move(options)),
        pattern_(options_),
        accounting_(options_.serverPid, options_.cores),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        connections_(options_.connections),
        input_(Pattern::kLongest) {
    if (epoll_ < 0) fail("epoll_create1: %s", std::strerror(errno));
    server_.sin_family = AF_INET;
    server_.sin_port = htons(static_cast<std::uint16_t>(options_.port));
    inet_pton(AF_INET, options_.host.c_str(), &server_.sin_addr);
    std::uint64_t number = 0;
    for (auto& connection : connections_) {
      connection.phase = Pattern::phase(options_, number++);
      connection.startedAt.resize(options_.pipeline);
    }
  }

  void run() {
    openMore();
    while (phase_ != Phase::kDone) {
      turn();
      advance();
    }
  }

 private:
  enum class Phase { kOpening, kWarmup, kMeasuring, kDraining, kDone };

  // A listener's queue is short (50 is a common default); one connection too many costs a second's retransmission.
  static constexpr unsigned kOpeningAtOnce = 32;

  void turn() {
    std::array<epoll_event, 1024> events;
    const int count = epoll_wait(epoll_, events.data(), events.size(), timeout());
    if (count < 0 && errno != EINTR) fail("epoll_wait: %s", std::strerror(errno));
    for (int i = 0; i < count; i++) {
      auto& connection = *static_cast<Connection*>(events[i].data.ptr);
      if (events[i].events & EPOLLOUT) send(connection);
      if (connection.fd >= 0 && events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) receive(connection);
    }
  }

  int timeout() const {
    const double left = deadline_ - secondsOf(CLOCK_MONOTONIC);
    return left <= 0 ? 0 : static_cast<int>(std::min(left * 1000 + 1, 10'000.0));
  }

  void advance() {
    const double now = secondsOf(CLOCK_MONOTONIC);
    switch (phase_) {
      case Phase::kOpening:
        if (opened_ < connections_.size()) {
          if (now > deadline_) fail("only %zu of %zu connections were answered", opened_, connections_.size());
          return;
        }
        if (options_.idle) return hold();
        phase_ = Phase::kWarmup;
        deadline_ = now + options_.warmup;
        return;
      case Phase::kWarmup:
        if (now < deadline_) return;
        phase_ = Phase::kMeasuring;
        messages_ = 0;
        latencies_.clear();
        before_ = accounting_.read();
        deadline_ = before_.clock + options_.seconds;
        return;
      case Phase::kMeasuring:
        if (now < deadline_) return;
        used_ = accounting_.read() - before_;
        phase_ = Phase::kDraining;
        deadline_ = now + 10;
        [[fallthrough]];
      case Phase::kDraining:
        if (underWay_ == 0) {
          report();
          phase_ = Phase::kDone;
        } else if (now > deadline_) {
          fail("%llu messages were never answered", static_cast<unsigned long long>(underWay_));
        }
        return;
      case Phase::kDone:
        return;
    }
  }

  void openMore() {
    for (; next_ < connections_.size() && next_ < opened_ + kOpeningAtOnce; next_++) open(connections_[next_]);
    deadline_ = secondsOf(CLOCK_MONOTONIC) + 10;
  }

  void open(Connection& connection) {
    const auto now = nanoseconds();
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) fail("socket: %s", std::strerror(errno));
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    bindSource(fd);
    if (connect(fd, reinterpret_cast<const sockaddr*>(&server_), sizeof server_) < 0 && errno != EINPROGRESS) {
      fail("connect: %s", std::strerror(errno));
    }
    connection.fd = fd;
    connection.due = connection.sent = connection.received = connection.answered = 0;
    connection.waitsForOut = true;
    watch(EPOLL_CTL_ADD, connection);
    if (!options_.silent) ask(connection, 1, now);
  }

  // One address has 28,000 ports to a server and keeps each closed one for a while (TIME_WAIT), so connections that
  // come and go, or are very many, come from several.
  void bindSource(int fd) {
    const std::uint32_t sources = options_.churn ? 64 : 1 + options_.connections / 20'000;
    if (sources == 1) return;
    const int on = 1;
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + sourceTurn_++ % sources);
    if (bind(fd, reinterpret_cast<sockaddr*>(&source), sizeof source) < 0) fail("bind: %s", std::strerror(errno));
  }

  // Put `count` more messages under way.
  void ask(Connection& connection, std::uint64_t count, std::uint64_t now) {
    for (std::uint64_t i = 0; i < count; i++) {
      connection.startedAt[connection.due / options_.size % options_.pipeline] = now;
      connection.due += options_.size;
    }
    underWay_ += count;
  }

  void send(Connection& connection) {
    while (connection.sent < connection.due) {
      const auto length = std::min(connection.due - connection.sent, Pattern::kLongest);
      const ssize_t sent = ::send(connection.fd, pattern_.at(connection.phase + connection.sent), length, MSG_NOSIGNAL);
      if (sent < 0) {
        if (errno == EINTR) continue;
        if (errno != EAGAIN && errno != ENOTCONN) fail("send: %s", std::strerror(errno));
        break;
      }
      connection.sent += static_cast<std::uint64_t>(sent);
    }
    const bool waits = connection.sent < connection.due;
    if (waits != connection.waitsForOut) {
      connection.waitsForOut = waits;
      watch(EPOLL_CTL_MOD, connection);
    }
    if (options_.silent && connection.opening) opened(connection);
  }

  void receive(Connection& connection) {
    const ssize_t length = recv(connection.fd, input_.data(), input_.size(), 0);
    if (length < 0) {
      if (errno == EAGAIN || errno == EINTR) return;
      fail("recv: %s", std::strerror(errno));
    }
    if (length == 0) fail("the server closed a connection after %llu bytes", position(connection));
    const auto count = static_cast<std::uint64_t>(length);
    if (options_.verify &&
        std::memcmp(input_.data(), pattern_.at(connection.phase + connection.received), count) != 0) {
      fail("a wrong byte came back after %llu bytes", position(connection));
    }
    connection.received += count;
    if (connection.received > connection.sent) fail("more came back than was sent, at byte %llu", position(connection));
    const auto complete = connection.received / options_.size - connection.answered;
    if (complete > 0) answered(connection, complete);
  }

  void answered(Connection& connection, std::uint64_t count) {
    const auto now = nanoseconds();
    for (std::uint64_t i = 0; i < count; i++) {
      latencies_.record(now - connection.startedAt[connection.answered++ % options_.pipeline]);
    }
    total_ += count;
    messages_ += count;
    underWay_ -= count;
    if (connection.opening) {
      opened(connection);
      count = options_.pipeline;  // the first message went alone, now the pipeline is filled
    }
    if (options_.idle || phase_ == Phase::kDraining) return;
    if (options_.churn) {
      ::close(connection.fd);
      open(connection);
    } else {
      ask(connection, count, now);
      send(connection);
    }
  }

  void opened(Connection& connection) {
    connection.opening = false;
    opened_++;
    openMore();
  }

  void watch(int operation, Connection& connection) {
    epoll_event event{};
    event.events = connection.waitsForOut ? EPOLLIN | EPOLLOUT : EPOLLIN;
    event.data.ptr = &connection;
    if (epoll_ctl(epoll_, operation, connection.fd, &event) < 0) fail("epoll_ctl: %s", std::strerror(errno));
  }

  void hold() {
    std::puts("READY");
    std::fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) {
    }
    phase_ = Phase::kDone;
  }

  void report() const {
    const auto micros = [this](double share) { return latencies_.quantile(share) / 1000; };
    std::printf(
        "{\"total\":%llu,\"messages\":%llu,\"seconds\":%.6f,\"msgs_per_second\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"p99."
        "9\":%.1f,"
        "\"server_cpu\":%.6f,\"load_cpu\":%.6f,\"foreign_cpu\":%.4f}\n",
        static_cast<unsigned long long>(total_), static_cast<unsigned long long>(messages_), used_.clock,
        static_cast<double>(messages_) / used_.clock, micros(0.5), micros(0.99), micros(0.999), used_.server,
        used_.load, accounting_.foreign(used_));
  }

  static unsigned long long position(const Connection& connection) { return connection.received; }

  const Options options_;
  const Pattern pattern_;
  const Accounting accounting_;
  const int epoll_;
  sockaddr_in server_{};
  std::vector<Connection> connections_;
  std::vector<char> input_;
  Histogram latencies_;
  Phase phase_ = Phase::kOpening;
  double deadline_ = 0;
  Accounts before_;
  Accounts used_;
  std::size_t next_ = 0;        // the next connection to open
  std::size_t opened_ = 0;      // those that have echoed once, or that are silent and connected
  std::uint64_t total_ = 0;     // messages answered since the start
  std::uint64_t messages_ = 0;  // while measuring
  std::uint64_t underWay_ = 0;
  std::uint32_t sourceTurn_ = 0;
};

void needOpenFiles(unsigned connections) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < connections + 16) {
    fail("%u connections need more open files than the limit of %llu (ulimit -Hn)", connections,
         static_cast<unsigned long long>(limit.rlim_max));
  }
}

}  // namespace

int main(int argc, char** argv) {
  const Options options = parseOptions(argc, argv);
  needOpenFiles(options.connections);
  std::make_unique<Load>(options)->run();
}
