// The floor under TLS: what an echo costs when there is nothing but the kernel, OpenSSL and a plain C++ loop.
//
// It is an addon, so that the OpenSSL is the same one, compiled the same way, as the other servers of this Node have:
//
//   require("tls_echo.node")(certificate, key)     PEM; prints LISTENING <port>, serves 127.0.0.1 until it is killed
//
// One thread, level-triggered epoll, OpenSSL on the socket itself, reading ahead (one receive per event), an answer
// sealed and sent at once.

#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>
#include <string_view>
#include <utility>

#include "addon.h"
#include "listening.h"

namespace {

struct Connection {
  int fd;
  SSL* ssl;
  std::string rest;  // the part of an answer that the kernel has not taken yet
};

class EchoServer {
 public:
  EchoServer(const std::string& certificate, const std::string& key)
      : context_(SSL_CTX_new(TLS_server_method())), epoll_(epoll_create1(EPOLL_CLOEXEC)), listener_(listenAnywhere()) {
    BIO* certificates = BIO_new_mem_buf(certificate.data(), static_cast<int>(certificate.size()));
    BIO* keys = BIO_new_mem_buf(key.data(), static_cast<int>(key.size()));
    SSL_CTX_use_certificate(context_, PEM_read_bio_X509(certificates, nullptr, nullptr, nullptr));
    SSL_CTX_use_PrivateKey(context_, PEM_read_bio_PrivateKey(keys, nullptr, nullptr, nullptr));
    SSL_CTX_set_mode(context_,
                     SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_read_ahead(context_, 1);
    SSL_CTX_set_session_cache_mode(context_, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_ciphersuites(context_, "TLS_AES_128_GCM_SHA256");
    SSL_CTX_set1_groups_list(context_, "X25519");
    epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
    epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event);
    announce(listener_);
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 1024> events;
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), events.size(), -1);
      for (int i = 0; i < count; i++) {
        if (events[i].data.ptr == nullptr) {
          accept();
        } else {
          serve(*static_cast<Connection*>(events[i].data.ptr));
        }
      }
    }
  }

 private:
  void accept() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) return;
      auto* connection = new Connection{fd, SSL_new(context_), {}};
      SSL_set_fd(connection->ssl, fd);
      SSL_set_accept_state(connection->ssl);
      epoll_event event{.events = EPOLLIN, .data = {.ptr = connection}};
      epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
    }
  }

  void serve(Connection& connection) {
    if (!connection.rest.empty()) {
      send(connection, std::exchange(connection.rest, {}));
      if (!connection.rest.empty()) return;
    }
    do {
      const int length = SSL_read(connection.ssl, buffer_.data(), static_cast<int>(buffer_.size()));
      if (length <= 0) {
        const int error = SSL_get_error(connection.ssl, length);
        if (error == SSL_ERROR_WANT_READ) return;
        return close(connection, error == SSL_ERROR_ZERO_RETURN);
      }
      send(connection, std::string_view(buffer_.data(), static_cast<std::size_t>(length)));
      if (!connection.rest.empty()) return;
    } while (SSL_has_pending(connection.ssl));
  }

  void send(Connection& connection, std::string_view text) {
    while (!text.empty()) {
      const int sent = SSL_write(connection.ssl, text.data(), static_cast<int>(text.size()));
      if (sent <= 0) break;
      text.remove_prefix(static_cast<std::size_t>(sent));
    }
    const bool waited = !text.empty();
    if (waited == waits(connection) && !waited) return;
    connection.rest = text;
    epoll_event event{.events = waited ? EPOLLOUT : EPOLLIN, .data = {.ptr = &connection}};
    epoll_ctl(epoll_, EPOLL_CTL_MOD, connection.fd, &event);
  }

  static bool waits(const Connection& connection) { return !connection.rest.empty(); }

  void close(Connection& connection, bool cleanly) {
    if (cleanly) SSL_shutdown(connection.ssl);
    SSL_free(connection.ssl);
    ::close(connection.fd);
    delete &connection;
  }

  SSL_CTX* context_;
  int epoll_;
  int listener_;
  std::array<char, 64 * 1024> buffer_;
};

napi_value serve(napi_env env, napi_callback_info info) {
  const auto arguments = argumentsOf<2>(env, info);
  std::signal(SIGPIPE, SIG_IGN);
  raiseOpenFiles();
  auto* server = new EchoServer(text(env, arguments[0]), text(env, arguments[1]));
  server->run();
}

}  // namespace

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "serve", NAPI_AUTO_LENGTH, serve, nullptr, &function);
  return function;
}
