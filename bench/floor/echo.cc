// The floor: what an echo costs when there is nothing but the kernel and a plain C++ loop.
//
// One thread, level-triggered epoll, one receive per event, an answer sent at once from the buffer it was received in.
// Only what the kernel does not take is kept, and nothing more is read from a peer that does not read its answers.
//
//   echo [--writes N]     prints LISTENING <port>, serves 127.0.0.1 until it is killed
//
// With --writes N the program answers every chunk in N separate pieces, as a protocol that writes a header, a length
// and a body does; they are gathered in one buffer and leave in one send, as they would in a server written with care.

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>
#include <vector>

#include "listening.h"

namespace {

struct Connection {
  int fd;
  std::vector<char> rest;  // the part of an answer that the kernel has not taken yet
};

class EchoServer {
 public:
  explicit EchoServer(unsigned writes)
      : writes_(writes), epoll_(epoll_create1(EPOLL_CLOEXEC)), listener_(listenAnywhere()) {
    if (epoll_ < 0) fail("epoll_create1");
    epoll_event event{.events = EPOLLIN, .data = {.ptr = nullptr}};
    if (epoll_ctl(epoll_, EPOLL_CTL_ADD, listener_, &event) < 0) fail("epoll_ctl");
  }

  void announce() const { ::announce(listener_); }

  [[noreturn]] void run() {
    std::array<epoll_event, 1024> events;
    for (;;) {
      const int count = epoll_wait(epoll_, events.data(), events.size(), -1);
      if (count < 0 && errno != EINTR) fail("epoll_wait");
      // A descriptor stands at most once in a batch, so closing one while walking it leaves no event behind.
      for (int i = 0; i < count; i++) {
        auto* connection = static_cast<Connection*>(events[i].data.ptr);
        if (connection == nullptr) {
          accept();
        } else if (events[i].events & EPOLLOUT) {
          sendRest(*connection);
        } else {
          receive(*connection);
        }
      }
    }
  }

 private:
  void accept() {
    for (;;) {
      const int fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK) return;
        if (errno == EINTR || errno == ECONNABORTED) continue;
        fail("accept4");
      }
      watch(EPOLL_CTL_ADD, *new Connection{.fd = fd, .rest = {}}, EPOLLIN);
    }
  }

  void receive(Connection& connection) {
    const ssize_t length = recv(connection.fd, input_.data(), input_.size(), 0);
    if (length > 0) {
      answer(connection, std::span(input_.data(), static_cast<std::size_t>(length)));
    } else if (length == 0 || (errno != EAGAIN && errno != EINTR)) {
      close(connection);
    }
  }

  void answer(Connection& connection, std::span<const char> chunk) {
    if (writes_ == 1) return send(connection, chunk);
    output_.clear();
    const std::size_t piece = chunk.size() / writes_;
    for (unsigned i = 0; i + 1 < writes_; i++) write(chunk.subspan(i * piece, piece));
    write(chunk.subspan((writes_ - 1) * piece));
    send(connection, output_);
  }

  void write(std::span<const char> piece) { output_.insert(output_.end(), piece.begin(), piece.end()); }

  void send(Connection& connection, std::span<const char> bytes) {
    ssize_t sent = ::send(connection.fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(bytes.size())) return;
    if (sent < 0) {
      if (errno != EAGAIN && errno != EINTR) return close(connection);
      sent = 0;
    }
    connection.rest.assign(bytes.begin() + sent, bytes.end());
    watch(EPOLL_CTL_MOD, connection, EPOLLOUT);
  }

  void sendRest(Connection& connection) {
    auto& rest = connection.rest;
    const ssize_t sent = ::send(connection.fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno != EAGAIN && errno != EINTR) close(connection);
      return;
    }
    rest.erase(rest.begin(), rest.begin() + sent);
    if (rest.empty()) watch(EPOLL_CTL_MOD, connection, EPOLLIN);
  }

  void watch(int operation, Connection& connection, unsigned events) {
    epoll_event event{.events = events, .data = {.ptr = &connection}};
    if (epoll_ctl(epoll_, operation, connection.fd, &event) < 0) fail("epoll_ctl");
  }

  void close(Connection& connection) {
    ::close(connection.fd);  // takes it out of the epoll set too, see epoll(7)
    delete &connection;
  }

  const unsigned writes_;
  const int epoll_;
  const int listener_;
  std::array<char, 64 * 1024> input_;
  std::vector<char> output_;
};

}  // namespace

int main(int argc, char** argv) {
  unsigned writes = 1;
  if (argc == 3 && std::strcmp(argv[1], "--writes") == 0) {
    writes = static_cast<unsigned>(std::atoi(argv[2]));
  } else if (argc != 1) {
    writes = 0;
  }
  if (writes == 0) {
    std::fprintf(stderr, "usage: echo [--writes N]\n");
    return 2;
  }
  raiseOpenFiles();
  static EchoServer server(writes);
  server.announce();
  server.run();
}
