// TLS for one connection: wire bytes in, plain bytes out, and back. It makes no system call and knows no socket.
//
//     server   kHello ─ a whole hello, or what is none ─▶ kHandshake      the layer above chooses: kHello ─▶ kAsking ─┐
//     client   kStart ─ the first send() ──────────────▶ kHandshake
//     ◀──────────────────────────────────────────────────┘
//              kHandshake ─▶ kUp                                           anything ─▶ kFailed
//
// The SSL is made when a handshake begins: until then a connection costs what a plain one does.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "engine/filter.h"
#include "tls/context.h"
#include "tls/hello.h"
#include "tls/openssl.h"
#include "tls/staple.h"

namespace skein::tls {

// Why a connection failed.
enum class Fault : std::uint8_t {
  kNone,
  kProtocol,   // `error` says more, and `verify` when it is about the peer's certificate
  kTruncated,  // the socket ended in mid-stream
  kCut,        // the socket ended during the handshake
  kFlood,      // messages without data: KeyUpdate (RFC 8446, 4.6.3), requests for renegotiation
  kRefused,    // by the layer above
};

struct Failure {
  Fault fault = Fault::kNone;
  unsigned long error = 0;  // OpenSSL's, the first of its queue
  long verify = 0;          // X509_V_ERR_…, 0 when the certificate was in order or there was none
  int alert_sent = -1;      // RFC 8446, 6
  Staple staple = Staple::kUnchecked;
  std::string beginning;  // the first bytes of what was no TLS
};

class TlsFilter final : public Filter {
 public:
  // What the layer above is told; see take_events().
  enum Event : std::uint32_t { kEstablished = 1, kAsks = 2, kSession = 4, kKeyLog = 8 };

  // Of a server's connection.
  explicit TlsFilter(std::shared_ptr<Context> context);
  // Of a client's. `name`: a host, or a literal address; "" verifies none. `announced`: the name for SNI; "" sends
  // none. `session`: DER of one to resume; "" for none.
  TlsFilter(std::shared_ptr<Context> context, std::string name, std::string announced, const std::string& session);
  ~TlsFilter() override;
  TlsFilter(const TlsFilter&) = delete;
  TlsFilter& operator=(const TlsFilter&) = delete;

  Received receive(std::span<const std::uint8_t> wire, std::span<std::uint8_t> plain) override;
  std::size_t pending() const override;
  Sent send(std::span<const Slice> plain, std::span<std::uint8_t> wire) override;
  std::size_t unsent() const override { return words_.size() - words_sent_; }
  bool established() const override { return is_up() && !amid_message_; }
  void close() override { closing_ = true; }
  int truncated() override;
  bool waits() const override { return state_ == State::kAsking && !answered_ && !refused_; }
  std::uint32_t take_events() override;

  // The answer to kAsks: the context for this client (nullptr: the listener's), and the protocol that was chosen by the
  // program ("" for the context's own choice). Only the first counts.
  void answer(std::shared_ptr<Context> context, std::string protocol);
  // The other answer: the client is told an alert (RFC 8446, 6.2), and lost.
  void refuse(std::uint8_t alert);

  const Hello* hello() const { return hello_.get(); }
  const std::string& server_name() const { return name_; }
  const Failure& failure() const { return failure_; }
  const Context& context() const { return *context_; }
  // The handshake is done.
  bool is_up() const { return state_ == State::kUp; }
  // nullptr before the handshake.
  SSL* ssl() const { return ssl_; }
  std::uint64_t records_sealed() const { return records_; }
  // Bytes of memory that it has for wire bytes, apart from OpenSSL.
  std::size_t held() const { return words_.capacity() + (hello_ == nullptr ? 0 : hello_->held()); }
  // Sessions that the server has offered since the last call, and lines for a key log; see Event.
  std::vector<ssl_session_st*> take_sessions() { return std::exchange(sessions_, {}); }
  std::string take_key_log() { return std::exchange(key_log_, {}); }

 private:
  friend struct Callbacks;
  enum class State : std::uint8_t { kStart, kHello, kAsking, kHandshake, kUp, kFailed };

  bool begin();
  void read_hello(std::span<const std::uint8_t> wire, Received& result);
  void refuse_other(std::span<const std::uint8_t> rest);
  void say_alert(std::uint8_t alert);
  void advance(std::span<const std::uint8_t> wire, std::span<std::uint8_t> plain, Received& result);
  bool shake_hands();
  void seal(std::span<const Slice> plain, std::size_t& taken);
  void fail(Fault fault);
  void tell_revoked();
  int read_wire(void* out, int size);
  int write_wire(const void* bytes, int size);
  void keep_renewed();
  void keep_session(ssl_session_st* session);
  void note_message(bool sends, int type, const std::uint8_t* bytes, std::size_t length);

  // A record of 16 KiB with what any cipher adds.
  static constexpr std::size_t kPlainMost = 16 * 1024;
  static constexpr std::size_t kRecordMost = kPlainMost + 512;
  // Records of the peer's in a row that bring no data, and messages: each may come in a record of its own, or many in
  // one.
  static constexpr int kIdleMessagesMost = 32;
  static constexpr int kIdleRecordsMost = 64;
  // A server may offer as many as it likes.
  static constexpr std::size_t kSessionsMost = 8;

  std::shared_ptr<Context> context_;
  SSL* ssl_ = nullptr;
  std::unique_ptr<Hello> hello_;
  std::span<const std::uint8_t> in_;  // of the receive() under way
  std::span<std::uint8_t> out_;       // of the send() under way
  std::vector<std::uint8_t> words_;   // wire bytes that send() has not given out
  std::size_t words_sent_ = 0;
  std::string name_;       // a client's: whom it wants to talk to; a server's: whom the client asked for
  std::string announced_;  // for SNI
  std::string protocol_;   // chosen by the program
  std::vector<ssl_session_st*> sessions_;
  ssl_session_st* resumes_ = nullptr;
  std::string key_log_;
  Failure failure_;
  std::uint64_t records_ = 0;
  long resumed_time_ = 0;
  std::uint32_t events_ = 0;
  int idle_messages_ = 0;
  int idle_records_ = 0;
  State state_;
  // A part of a message came after the handshake: OpenSSL writes nothing before the rest.
  bool amid_message_ = false;
  bool answered_ = false;
  bool closing_ = false;
  bool said_close_ = false;
  bool refused_ = false;
};

// Of a listener.
class TlsMaker final : public FilterMaker {
 public:
  explicit TlsMaker(std::shared_ptr<Context> context) : context_(std::move(context)) {}
  std::unique_ptr<Filter> make() override { return std::make_unique<TlsFilter>(context_); }
  // Connections that are accepted from here on get it.
  void set(std::shared_ptr<Context> context) { context_ = std::move(context); }

 private:
  std::shared_ptr<Context> context_;
};

}  // namespace skein::tls
