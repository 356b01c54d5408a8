// The load over TLS: as load.cc, of which it has the closed loop, the churn and the idle connections, through the
// engine's own filter as the client and the system's libssl. What it costs is the load's, not the server's.
//
//   tls_load --port P --authority FILE [--resume] ...     the other options are load.cc's
//
// With --churn and --resume each connection but the first few resumes the session of one before.

#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "accounting.h"
#include "histogram.h"
#include "options.h"
#include "tls/filter.h"

namespace {

using skein::Slice;
using skein::tls::openssl;
using skein::tls::TlsFilter;

std::uint64_t nanoseconds() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(time.tv_nsec);
}

// Of what comes in: each record begins with five bytes, of which the last two are the length of the rest (RFC
// 8446, 5.1).
class RecordCount {
 public:
  void read(std::span<const std::uint8_t> wire) {
    while (!wire.empty()) {
      if (rest_ > 0) {
        const auto length = std::min(rest_, wire.size());
        rest_ -= length;
        wire = wire.subspan(length);
        continue;
      }
      header_[filled_++] = wire.front();
      wire = wire.subspan(1);
      if (filled_ < header_.size()) continue;
      rest_ = static_cast<std::size_t>(header_[3] << 8 | header_[4]);
      filled_ = 0;
      count_++;
    }
  }

  std::uint64_t take() { return std::exchange(count_, 0); }

 private:
  std::array<std::uint8_t, 5> header_{};
  std::size_t filled_ = 0;
  std::size_t rest_ = 0;
  std::uint64_t count_ = 0;
};

struct Connection {
  int fd = -1;
  std::unique_ptr<TlsFilter> filter;
  std::string wire;         // that the kernel has not taken
  std::size_t unasked = 0;  // plain bytes that the filter has not taken
  std::uint64_t received = 0;
  std::uint64_t startedAt = 0;
  RecordCount records;
  bool opening = true;
};

class Load {
 public:
  Load(Options options, std::shared_ptr<skein::tls::Context> context, bool resumes)
      : options_(std::move(options)),
        context_(std::move(context)),
        resumes_(resumes),
        accounting_(options_.serverPid, options_.cores),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        connections_(options_.connections),
        message_(options_.size, 'x') {}

  void run() {
    openMore();
    while (phase_ != Phase::kDone) {
      turn();
      advance();
    }
  }

 private:
  enum class Phase { kOpening, kWarmup, kMeasuring, kDraining, kDone };
  // Handshakes at once: a server has to do those of a listener's queue first.
  static constexpr unsigned kOpeningAtOnce = 20;

  void turn() {
    std::array<epoll_event, 256> events;
    const double left = std::max(0.0, deadline_ - secondsOf(CLOCK_MONOTONIC));
    const int count =
        epoll_wait(epoll_, events.data(), events.size(), static_cast<int>(std::min(left * 1000 + 1, 1e4)));
    for (int i = 0; i < count; i++) {
      auto& connection = *static_cast<Connection*>(events[i].data.ptr);
      if (events[i].events & EPOLLOUT) flush(connection);
      if (connection.fd >= 0 && events[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP)) receive(connection);
    }
  }

  void advance() {
    const double now = secondsOf(CLOCK_MONOTONIC);
    if (phase_ == Phase::kOpening) {
      if (opened_ < connections_.size()) {
        if (now > deadline_) fail("only %zu of %zu connections were answered", opened_, connections_.size());
        return;
      }
      if (options_.idle) return hold();
      phase_ = Phase::kWarmup;
      deadline_ = now + options_.warmup;
    } else if (now < deadline_ && !(phase_ == Phase::kDraining && underWay_ == 0)) {
      return;
    } else if (phase_ == Phase::kWarmup) {
      phase_ = Phase::kMeasuring;
      messages_ = 0;
      records_ = resumed_ = 0;
      latencies_.clear();
      before_ = accounting_.read();
      deadline_ = before_.clock + options_.seconds;
    } else if (phase_ == Phase::kMeasuring) {
      used_ = accounting_.read() - before_;
      phase_ = Phase::kDraining;
      deadline_ = now + 10;
    } else if (underWay_ > 0) {
      fail("%llu messages were never answered", static_cast<unsigned long long>(underWay_));
    } else {
      report();
      phase_ = Phase::kDone;
    }
  }

  void openMore() {
    for (; next_ < connections_.size() && next_ < opened_ + kOpeningAtOnce; next_++) open(connections_[next_]);
    deadline_ = secondsOf(CLOCK_MONOTONIC) + 30;
  }

  void open(Connection& connection) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    sockaddr_in source{};
    source.sin_family = AF_INET;
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + turn_++ % 64);
    if (bind(fd, reinterpret_cast<sockaddr*>(&source), sizeof source) < 0) fail("bind: %s", std::strerror(errno));
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_port = htons(static_cast<std::uint16_t>(options_.port));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connection.startedAt = nanoseconds();
    if (connect(fd, reinterpret_cast<sockaddr*>(&server), sizeof server) < 0) fail("connect: %s", std::strerror(errno));
    connection.fd = fd;
    connection.filter = std::make_unique<TlsFilter>(context_, "localhost", "localhost", resumes_ ? session_ : "");
    connection.received = 0;
    connection.records = {};
    connection.wire.clear();
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    underWay_++;
    connection.unasked = options_.size;
    say(connection);
  }

  void ask(Connection& connection) {
    connection.startedAt = nanoseconds();
    connection.unasked = options_.size;
    underWay_++;
    say(connection);
  }

  void say(Connection& connection) {
    for (;;) {
      const Slice slice{reinterpret_cast<std::uint8_t*>(message_.data()), connection.unasked};
      const auto sent = connection.filter->send(std::span(&slice, connection.unasked > 0 ? 1 : 0), out_);
      if (sent.error != 0) fail("TLS failed in sending");
      connection.unasked -= sent.taken;
      if (sent.produced == 0) break;
      connection.wire.append(reinterpret_cast<char*>(out_.data()), sent.produced);
    }
    flush(connection);
  }

  void flush(Connection& connection) {
    if (connection.wire.empty()) return;
    const ssize_t sent =
        send(connection.fd, connection.wire.data(), connection.wire.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno != EAGAIN) fail("send: %s", std::strerror(errno));
    const bool waited = connection.wire.size() > static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
    connection.wire.erase(0, static_cast<std::size_t>(std::max<ssize_t>(sent, 0)));
    epoll_event event{.events = waited ? EPOLLIN | EPOLLOUT : EPOLLIN, .data = {.ptr = &connection}};
    epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
  }

  void receive(Connection& connection) {
    const ssize_t length = recv(connection.fd, in_.data(), in_.size(), MSG_DONTWAIT);
    if (length < 0 && errno == EAGAIN) return;
    if (length <= 0) fail("the server closed a connection after %llu bytes", (unsigned long long)connection.received);
    std::span<const std::uint8_t> wire(in_.data(), static_cast<std::size_t>(length));
    connection.records.read(wire);
    const bool shaking = !connection.filter->established();
    do {
      const auto got = connection.filter->receive(wire, plain_);
      if (got.error != 0) {
        const auto& failure = connection.filter->failure();
        fail("TLS failed: verify %ld, error %lx", failure.verify, failure.error);
      }
      wire = wire.subspan(got.taken);
      connection.received += got.produced;
    } while (!wire.empty() || connection.filter->pending() > 0);
    if (connection.filter->take_events() & TlsFilter::kSession) keep(connection);
    if (shaking || connection.filter->unsent() > 0) say(connection);
    if (connection.received > options_.size) fail("more came back than was sent");
    if (connection.received == options_.size) answered(connection);
  }

  void keep(Connection& connection) {
    for (auto* session : connection.filter->take_sessions()) {
      unsigned char bytes[8192];
      unsigned char* at = bytes;
      const int length = openssl.i2d_SSL_SESSION(session, &at);
      if (length > 0) session_.assign(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(length));
      openssl.SSL_SESSION_free(session);
    }
  }

  void answered(Connection& connection) {
    latencies_.record(nanoseconds() - connection.startedAt);
    total_++;
    messages_++;
    records_ += connection.records.take();
    underWay_--;
    connection.received = 0;
    if (openssl.SSL_session_reused(connection.filter->ssl()) == 1) resumed_++;
    if (connection.opening) {
      group_ = openssl.SSL_group_to_name(connection.filter->ssl(),
                                         static_cast<int>(openssl.SSL_ctrl(connection.filter->ssl(), 134, 0, nullptr)));
      cipher_ = openssl.SSL_CIPHER_get_name(openssl.SSL_get_current_cipher(connection.filter->ssl()));
      connection.opening = false;
      opened_++;
      openMore();
    }
    if (options_.idle || phase_ == Phase::kDraining) return;
    if (!options_.churn) return ask(connection);
    connection.filter->close();
    say(connection);
    ::close(connection.fd);
    open(connection);
  }

  void hold() {
    std::puts("READY");
    std::fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) continue;
    phase_ = Phase::kDone;
  }

  void report() const {
    const auto micros = [this](double share) { return latencies_.quantile(share) / 1000; };
    std::printf(
        "{\"total\":%llu,\"messages\":%llu,\"seconds\":%.6f,\"msgs_per_second\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"p99."
        "9\":"
        "%.1f,\"server_cpu\":%.6f,\"load_cpu\":%.6f,\"foreign_cpu\":%.4f,\"group\":\"%s\",\"cipher\":\"%s\","
        "\"resumed\":%.4f,\"records\":%.4f}\n",
        static_cast<unsigned long long>(total_), static_cast<unsigned long long>(messages_), used_.clock,
        static_cast<double>(messages_) / used_.clock, micros(0.5), micros(0.99), micros(0.999), used_.server,
        used_.load, accounting_.foreign(used_), group_.c_str(), cipher_.c_str(),
        static_cast<double>(resumed_) / static_cast<double>(std::max<std::uint64_t>(1, messages_)),
        static_cast<double>(records_) / static_cast<double>(std::max<std::uint64_t>(1, messages_)));
  }

  const Options options_;
  const std::shared_ptr<skein::tls::Context> context_;
  const bool resumes_;
  const Accounting accounting_;
  const int epoll_;
  std::vector<Connection> connections_;
  std::string message_;
  std::array<std::uint8_t, 64 * 1024> in_;
  std::array<std::uint8_t, 64 * 1024> plain_;
  std::array<std::uint8_t, skein::Filter::kWireBytes> out_;
  std::string session_;
  std::string group_;
  std::string cipher_;
  Histogram latencies_;
  Phase phase_ = Phase::kOpening;
  double deadline_ = 0;
  Accounts before_;
  Accounts used_;
  std::size_t next_ = 0;
  std::size_t opened_ = 0;
  std::uint64_t total_ = 0;
  std::uint64_t messages_ = 0;
  std::uint64_t records_ = 0;  // that brought those
  std::uint64_t resumed_ = 0;
  std::uint64_t underWay_ = 0;
  std::uint32_t turn_ = 0;
};

// Takes what load.cc does not know out of the arguments.
std::string take(int& argc, char** argv, const char* name, bool has_value) {
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], name) != 0) continue;
    const std::string value = has_value && i + 1 < argc ? argv[i + 1] : "yes";
    const int count = has_value ? 2 : 1;
    for (int j = i; j + count <= argc; ++j) argv[j] = argv[j + count];
    argc -= count;
    return value;
  }
  return "";
}

}  // namespace

int main(int argc, char** argv) {
  const std::string authority = take(argc, argv, "--authority", true);
  const bool resumes = !take(argc, argv, "--resume", false).empty();
  const Options options = parseOptions(argc, argv);
  const std::string& reason = skein::tls::load(
      [](const char* name) -> void* {
        static void* const library = dlopen("libssl.so.3", RTLD_NOW | RTLD_GLOBAL);
        return library == nullptr ? nullptr : dlsym(library, name);
      },
      "");
  if (!reason.empty()) fail("no libssl.so.3: %s", reason.c_str());
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  std::stringstream pem;
  pem << std::ifstream(authority).rdbuf();
  skein::tls::Refusal refusal;
  skein::tls::Roots::Options roots;
  roots.certificates = pem.str();
  skein::tls::Context::Options rules;
  rules.roots = skein::tls::Roots::make(roots, refusal);
  rules.peer = skein::tls::PeerCertificate::kRequire;
  rules.groups = "X25519";
  rules.suites = "TLS_AES_128_GCM_SHA256";
  auto context = skein::tls::Context::make(rules, refusal);
  if (context == nullptr) fail("TLS: %s %s", refusal.what.c_str(), refusal.reason.c_str());
  std::make_unique<Load>(options, std::move(context), resumes)->run();
}
