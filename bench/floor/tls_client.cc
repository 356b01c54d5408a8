// The floor of TLS clients: what a connection costs its client when there is nothing but the kernel, OpenSSL and a
// plain C++ loop. An addon for the same reason as tls_echo.cc:
//
//   require("tls_client.node")({ port, authority, connections, size, warmup, seconds, churn, resume, idle })
//
// It connects to an echo server on 127.0.0.1, verifies its certificate ("localhost", of the authority whose PEM it is
// given), keeps one message under way on each connection, and prints what bench/peers/tls-clients.mjs says. With idle
// it returns when each connection had its answer, and leaves them open.
//
// One thread, level-triggered epoll, OpenSSL on the socket itself, reading ahead. Sessions are resumed once each.

#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdint>
#include <string>
#include <vector>

#include "addon.h"
#include "listening.h"

namespace {

double secondsOf(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

struct Options {
  int port;
  std::string authority;
  std::size_t connections;
  std::size_t size;
  double warmup;
  double seconds;
  bool churn;   // a message is a whole connection
  bool resume;  // of a session of an earlier connection
  bool idle;
};

struct Connection {
  int fd = -1;
  SSL* ssl = nullptr;
  std::size_t received = 0;
};

class Clients {
 public:
  explicit Clients(Options options)
      : options_(std::move(options)),
        context_(SSL_CTX_new(TLS_client_method())),
        epoll_(epoll_create1(EPOLL_CLOEXEC)),
        connections_(options_.connections),
        message_(options_.size, 'x') {
    BIO* pem = BIO_new_mem_buf(options_.authority.data(), static_cast<int>(options_.authority.size()));
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context_), PEM_read_bio_X509(pem, nullptr, nullptr, nullptr));
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
    SSL_CTX_set_mode(context_, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_read_ahead(context_, 1);
    SSL_CTX_set_ciphersuites(context_, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set1_groups_list(context_, "X25519");
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
    if (!options_.resume) return;
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_set_app_data(context_, this);
    SSL_CTX_sess_set_new_cb(context_, [](SSL* ssl, SSL_SESSION* session) {
      return static_cast<Clients*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)))->keep(session) ? 1 : 0;
    });
  }

  void run() {
    for (auto& connection : connections_) open(connection);
    const double from = secondsOf(CLOCK_MONOTONIC) + options_.warmup;
    while (secondsOf(CLOCK_MONOTONIC) < from && !(options_.idle && messages_ == connections_.size())) turn();
    if (options_.idle) {
      if (messages_ < connections_.size()) fail("not all connections were answered");
      return;
    }
    messages_ = resumed_ = 0;
    const double cpu = secondsOf(CLOCK_PROCESS_CPUTIME_ID);
    const double started = secondsOf(CLOCK_MONOTONIC);
    while (secondsOf(CLOCK_MONOTONIC) < started + options_.seconds) turn();
    report(secondsOf(CLOCK_PROCESS_CPUTIME_ID) - cpu, secondsOf(CLOCK_MONOTONIC) - started);
  }

 private:
  void turn() {
    std::array<epoll_event, 1024> events;
    const int count = epoll_wait(epoll_, events.data(), events.size(), 100);
    for (int i = 0; i < count; i++) serve(*static_cast<Connection*>(events[i].data.ptr));
  }

  void open(Connection& connection) {
    connection.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(connection.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    sockaddr_in server{};
    server.sin_family = AF_INET;
    server.sin_port = htons(static_cast<std::uint16_t>(options_.port));
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(connection.fd, reinterpret_cast<sockaddr*>(&server), sizeof server) < 0) fail("connect");
    fcntl(connection.fd, F_SETFL, O_NONBLOCK);
    connection.received = 0;
    connection.ssl = SSL_new(context_);
    SSL_set_fd(connection.ssl, connection.fd);
    SSL_set_connect_state(connection.ssl);
    SSL_set_tlsext_host_name(connection.ssl, "localhost");
    SSL_set1_host(connection.ssl, "localhost");
    if (!sessions_.empty()) {
      SSL_set_session(connection.ssl, sessions_.back());
      SSL_SESSION_free(sessions_.back());
      sessions_.pop_back();
    }
    epoll_event event{.events = EPOLLIN, .data = {.ptr = &connection}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, connection.fd, &event);
    shakeHands(connection);
  }

  void shakeHands(Connection& connection) {
    const int result = SSL_do_handshake(connection.ssl);
    if (result == 1) return ask(connection);
    if (SSL_get_error(connection.ssl, result) != SSL_ERROR_WANT_READ) fail("the handshake failed");
  }

  // A socket's buffer has room for one message.
  void ask(Connection& connection) {
    const int length = static_cast<int>(message_.size());
    if (SSL_write(connection.ssl, message_.data(), length) != length) fail("SSL_write");
  }

  void serve(Connection& connection) {
    if (!SSL_is_init_finished(connection.ssl)) return shakeHands(connection);
    do {
      const int length = SSL_read(connection.ssl, buffer_.data(), static_cast<int>(buffer_.size()));
      if (length <= 0) {
        if (SSL_get_error(connection.ssl, length) == SSL_ERROR_WANT_READ) return;
        fail("the server closed a connection");
      }
      connection.received += static_cast<std::size_t>(length);
    } while (SSL_has_pending(connection.ssl));
    if (connection.received >= options_.size) answered(connection);
  }

  void answered(Connection& connection) {
    messages_++;
    connection.received = 0;
    if (SSL_session_reused(connection.ssl) == 1) resumed_++;
    if (group_.empty()) {
      group_ = SSL_group_to_name(connection.ssl, static_cast<int>(SSL_get_negotiated_group(connection.ssl)));
      cipher_ = SSL_get_cipher_name(connection.ssl);
    }
    if (options_.idle) return;
    if (!options_.churn) return ask(connection);
    SSL_shutdown(connection.ssl);
    SSL_free(connection.ssl);
    close(connection.fd);
    open(connection);
  }

  // Takes what is given when it returns true.
  bool keep(SSL_SESSION* session) {
    if (sessions_.size() == kSessionsMost) return false;
    sessions_.push_back(session);
    return true;
  }

  void report(double cpu, double seconds) const {
    const auto messages = static_cast<double>(messages_);
    std::printf(
        "{\"messages\":%.0f,\"seconds\":%.6f,\"cpu\":%.6f,\"group\":\"%s\",\"cipher\":\"%s\",\"resumed\":%.4f}\n",
        messages, seconds, cpu, group_.c_str(), cipher_.c_str(), static_cast<double>(resumed_) / messages);
    std::fflush(stdout);
  }

  static constexpr std::size_t kSessionsMost = 100;

  const Options options_;
  SSL_CTX* context_;
  const int epoll_;
  std::vector<Connection> connections_;
  std::string message_;
  std::array<char, 64 * 1024> buffer_;
  std::vector<SSL_SESSION*> sessions_;
  std::string group_;
  std::string cipher_;
  std::size_t messages_ = 0;
  std::size_t resumed_ = 0;
};

napi_value run(napi_env env, napi_callback_info info) {
  const napi_value options = argumentsOf<1>(env, info)[0];
  const auto named = [&](const char* name) {
    napi_value value;
    napi_get_named_property(env, options, name, &value);
    return value;
  };
  const auto count = [&](const char* name) { return static_cast<std::size_t>(number(env, named(name))); };
  std::signal(SIGPIPE, SIG_IGN);
  raiseOpenFiles();
  // Idle connections outlive this call.
  auto* clients = new Clients({
      .port = static_cast<int>(count("port")),
      .authority = text(env, named("authority")),
      .connections = count("connections"),
      .size = count("size"),
      .warmup = number(env, named("warmup")),
      .seconds = number(env, named("seconds")),
      .churn = flag(env, named("churn")),
      .resume = flag(env, named("resume")),
      .idle = flag(env, named("idle")),
  });
  clients->run();
  return nullptr;
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "run", NAPI_AUTO_LENGTH, run, nullptr, &function);
  return function;
}
