#include "tls/filter.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

namespace skein::tls {

namespace {

// What a std::string holds without an allocation.
constexpr std::size_t kBeginningMost = 15;
constexpr std::uint8_t kFatal = 2;  // of an alert
constexpr std::uint8_t kAlertUnexpectedMessage = 10;
constexpr std::uint8_t kAlertRevoked = 44;
constexpr std::uint8_t kAlertProtocolVersion = 70;
constexpr std::uint8_t kAlertBadStatus = 113;

// The first error of libssl's says most: those of libcrypto's before it only say how it noticed.
unsigned long first_error() {
  const unsigned long first = openssl.ERR_peek_error();
  for (unsigned long error = openssl.ERR_get_error(); error != 0; error = openssl.ERR_get_error()) {
    if (error_library(error) == kErrorLibrarySSL) return error;
  }
  return first;
}

}  // namespace

TlsFilter::TlsFilter(std::shared_ptr<Context> context) : context_(std::move(context)), state_(State::kHello) {}

TlsFilter::TlsFilter(std::shared_ptr<Context> context, std::string name, std::string announced,
                     const std::string& session)
    : context_(std::move(context)), name_(std::move(name)), announced_(std::move(announced)), state_(State::kStart) {
  if (session.empty()) return;
  const LeavesNoErrors check;
  clear_errors();
  const auto* bytes = reinterpret_cast<const unsigned char*>(session.data());
  resumes_ = openssl.d2i_SSL_SESSION(nullptr, &bytes, static_cast<long>(session.size()));
  if (resumes_ != nullptr && !context_->is_fresh(resumes_)) {
    openssl.SSL_SESSION_free(std::exchange(resumes_, nullptr));
  }
  clear_errors();
}

TlsFilter::~TlsFilter() {
  const LeavesNoErrors check;
  for (ssl_session_st* session : sessions_) openssl.SSL_SESSION_free(session);
  if (resumes_ != nullptr) openssl.SSL_SESSION_free(resumes_);
  openssl.SSL_free(ssl_);
  clear_errors();
}

// Makes the SSL. False when there is no memory.
bool TlsFilter::begin() {
  clear_errors();
  ssl_ = openssl.SSL_new(context_->get());
  BIO* const bio = openssl.BIO_new(context_->bio_method());
  if (ssl_ == nullptr || bio == nullptr || openssl.SSL_set_ex_data(ssl_, 0, this) != 1) {
    if (bio != nullptr) openssl.BIO_free(bio);
    fail(Fault::kProtocol);
    return false;
  }
  openssl.SSL_ctrl(ssl_, kCtrlSetMessageCallbackArgument, 0, this);
  openssl.BIO_set_data(bio, this);
  openssl.BIO_set_init(bio, 1);
  // All that it ever lacks is bytes to read.
  openssl.BIO_set_flags(bio, kBioRead | kBioShouldRetry);
  openssl.SSL_set_bio(ssl_, bio, bio);
  state_ = State::kHandshake;
  if (context_->is_server()) {
    openssl.SSL_set_accept_state(ssl_);
    return true;
  }
  openssl.SSL_set_connect_state(ssl_);
  bool set = true;
  if (!announced_.empty()) {
    set = openssl.SSL_ctrl(ssl_, kCtrlSetHostName, kHostNameTypeDNS, announced_.data()) == 1;
  }
  X509_VERIFY_PARAM_st* const rules = openssl.SSL_get0_param(ssl_);
  // An address in a certificate's DNS names is not an address, and a subject is not a name (RFC 9525, 1.5).
  openssl.X509_VERIFY_PARAM_set_hostflags(rules, kHostNeverCheckSubject | kHostNoPartialWildcards);
  if (set && !name_.empty() && openssl.X509_VERIFY_PARAM_set1_ip_asc(rules, name_.c_str()) != 1) {
    set = openssl.X509_VERIFY_PARAM_set1_host(rules, name_.data(), name_.size()) == 1;
  }
  if (set && context_->requests_ocsp()) {
    set = openssl.SSL_ctrl(ssl_, kCtrlSetStatusType, kStatusTypeOCSP, nullptr) == 1;
  }
  if (set && resumes_ != nullptr) set = openssl.SSL_set_session(ssl_, resumes_) == 1;
  if (!set) fail(Fault::kProtocol);
  return set;
}

Filter::Received TlsFilter::receive(std::span<const std::uint8_t> wire, std::span<std::uint8_t> plain) {
  const LeavesNoErrors check;
  Received result;
  if (waits()) return result;
  if (state_ == State::kHello || state_ == State::kAsking) {
    read_hello(wire, result);
    wire = wire.subspan(result.taken);
    if (refused_) {
      fail(Fault::kRefused);
    } else if (state_ == State::kHandshake) {
      const std::unique_ptr<Hello> hello = std::move(hello_);
      Received of_hello;
      advance(hello->wire(), plain, of_hello);
      result.produced = of_hello.produced;
    }
  } else if (state_ == State::kStart) {
    begin();
  }
  if (state_ == State::kHandshake || state_ == State::kUp) {
    Received more;
    advance(wire, plain.subspan(result.produced), more);
    result.taken += more.taken;
    result.produced += more.produced;
    result.ended = more.ended;
  }
  if (state_ == State::kFailed) result.error = EPROTO;
  return result;
}

// The server's side before anything is made.
void TlsFilter::read_hello(std::span<const std::uint8_t> wire, Received& result) {
  if (!answered_ && !refused_) {
    if (hello_ == nullptr) hello_ = std::make_unique<Hello>();
    result.taken = hello_->feed(wire);
    if (hello_->state() == Hello::State::kPartial) return;
    name_ = hello_->server_name();
    if (hello_->state() == Hello::State::kWhole) {
      if (context_->asks) {
        state_ = State::kAsking;
        events_ |= kAsks;
        return;
      }
      if (auto named = context_->named(name_)) context_ = std::move(named);
    } else {
      refuse_other(wire.subspan(result.taken));
      return;
    }
  }
  if (!refused_) begin();
}

// What is no hello here is none to OpenSSL either, which would find one behind an empty record, or as SSL 2 writes it:
// the rules of its name would not hold for it, and the program would not be asked.
void TlsFilter::refuse_other(std::span<const std::uint8_t> rest) {
  const auto kept = hello_->wire();
  failure_.beginning.assign(kept.begin(), kept.end());
  failure_.beginning.append(rest.begin(), rest.end());
  failure_.beginning.resize(std::min(failure_.beginning.size(), kBeginningMost));
  say_alert(failure_.beginning[0] == kRecordHandshake ? kAlertUnexpectedMessage : kAlertProtocolVersion);
  clear_errors();
  fail(Fault::kProtocol);
}

void TlsFilter::answer(std::shared_ptr<Context> context, std::string protocol) {
  if (state_ != State::kAsking || answered_ || refused_) return;
  answered_ = true;
  if (context != nullptr) context_ = std::move(context);
  protocol_ = std::move(protocol);
}

void TlsFilter::refuse(std::uint8_t alert) {
  if (state_ != State::kAsking || answered_ || refused_) return;
  refused_ = true;
  say_alert(alert);
}

// Of level 2, fatal; nothing is encrypted yet.
void TlsFilter::say_alert(std::uint8_t alert) {
  failure_.alert_sent = alert;
  words_ = {kRecordAlert, 3, 3, 0, 2, 2, alert};
}

std::uint32_t TlsFilter::take_events() {
  return std::exchange(events_, 0);
}

// Gives SSL the wire bytes, and has it open what it can.
void TlsFilter::advance(std::span<const std::uint8_t> wire, std::span<std::uint8_t> plain, Received& result) {
  in_ = wire;
  if (!context_->is_server() && state_ == State::kHandshake && failure_.beginning.size() < kBeginningMost) {
    const auto piece = wire.first(std::min(wire.size(), kBeginningMost - failure_.beginning.size()));
    failure_.beginning.append(piece.begin(), piece.end());
  }
  if (state_ == State::kUp || shake_hands()) {
    while (result.produced < plain.size()) {
      std::size_t count = 0;
      clear_errors();
      const int read =
          openssl.SSL_read_ex(ssl_, plain.data() + result.produced, plain.size() - result.produced, &count);
      if (idle_messages_ > kIdleMessagesMost || idle_records_ > kIdleRecordsMost) {
        fail(Fault::kFlood);
        break;
      }
      if (read == 1) {
        idle_messages_ = 0;
        idle_records_ = 0;
        result.produced += count;
        // There is nothing to be read for certain.
        if (in_.empty() && openssl.SSL_pending(ssl_) == 0) break;
        continue;
      }
      const int error = openssl.SSL_get_error(ssl_, read);
      if (error == kErrorWantRead) break;
      if (error == kErrorZeroReturn) {
        result.ended = true;
        in_ = {};
      } else {
        fail(Fault::kProtocol);
      }
      break;
    }
  }
  amid_message_ = is_up() && openssl.SSL_is_init_finished(ssl_) == 0;
  clear_errors();
  // What comes behind the end is nothing to anybody.
  result.taken = wire.size() - in_.size();
  in_ = {};
}

// True once the connection is up.
bool TlsFilter::shake_hands() {
  if (state_ != State::kHandshake) return false;
  clear_errors();
  const int done = openssl.SSL_do_handshake(ssl_);
  if (done == 1) {
    state_ = State::kUp;
    events_ |= kEstablished;
    if (!context_->is_server() && openssl.SSL_session_reused(ssl_) == 1) keep_renewed();
    return true;
  }
  const int error = openssl.SSL_get_error(ssl_, done);
  if (error != kErrorSSL && (openssl.SSL_get_shutdown(ssl_) & kReceivedShutdown) != 0) {
    // Which may look as if it had only to go on. A fatal alert is the end of receiving, too, and an error.
    fail(Fault::kCut);
  } else if (error != kErrorWantRead) {
    fail(Fault::kProtocol);
    if (failure_.staple == Staple::kRevoked) tell_revoked();
  }
  return false;
}

// OpenSSL has one alert for every response that is refused. It is the last that it writes, in plaintext: in TLS 1.3,
// too, its client seals nothing before it answers the server's Finished. If it ever does, the alert stays as it is.
void TlsFilter::tell_revoked() {
  constexpr std::array<std::uint8_t, 7> kSaid = {kRecordAlert, 3, 3, 0, 2, kFatal, kAlertBadStatus};
  if (words_.size() < kSaid.size() || !std::equal(kSaid.begin(), kSaid.end(), words_.end() - kSaid.size())) return;
  words_.back() = kAlertRevoked;
  failure_.alert_sent = kAlertRevoked;
}

// In TLS 1.2 OpenSSL does not tell of the ticket that a handshake brings which resumes (RFC 5077, 3.3). It makes
// another session of it.
void TlsFilter::keep_renewed() {
  if (std::strcmp(openssl.SSL_get_version(ssl_), "TLSv1.2") != 0) return;
  ssl_session_st* const session = openssl.SSL_get1_session(ssl_);
  if (session != resumes_) {
    keep_session(session);
  } else {
    openssl.SSL_SESSION_free(session);
  }
}

// One that the server has offered; the reference is this filter's.
void TlsFilter::keep_session(ssl_session_st* session) {
  if (!context_->stamp(session)) {
    openssl.SSL_SESSION_free(session);
    return;
  }
  if (sessions_.size() == kSessionsMost) {
    openssl.SSL_SESSION_free(sessions_.front());
    sessions_.erase(sessions_.begin());
  }
  sessions_.push_back(session);
  events_ |= kSession;
}

std::size_t TlsFilter::pending() const {
  if (state_ == State::kAsking) return waits() ? 0 : 1;
  return state_ == State::kUp ? static_cast<std::size_t>(openssl.SSL_pending(ssl_)) : 0;
}

Filter::Sent TlsFilter::send(std::span<const Slice> plain, std::span<std::uint8_t> wire) {
  const LeavesNoErrors check;
  Sent result;
  out_ = wire;
  const std::size_t waiting = std::min(unsent(), out_.size());
  if (waiting > 0) std::memcpy(out_.data(), words_.data() + words_sent_, waiting);
  out_ = out_.subspan(waiting);
  words_sent_ += waiting;
  if (unsent() == 0) {
    // Not kept: most connections have nothing more to say by themselves.
    if (words_sent_ > 0) words_ = std::vector<std::uint8_t>();
    words_sent_ = 0;
    if (state_ == State::kStart && begin()) shake_hands();
    if (established() && !said_close_) seal(plain, result.taken);
    if (state_ == State::kUp && closing_ && !said_close_ && result.taken == 0) {
      said_close_ = true;
      clear_errors();
      // Below 0 there was no memory for the record, or OpenSSL is amid a message and can say nothing.
      if (openssl.SSL_shutdown(ssl_) < 0 && !amid_message_) fail(Fault::kProtocol);
    }
    clear_errors();
  }
  result.produced = wire.size() - out_.size();
  out_ = {};
  if (state_ == State::kFailed) result.error = EPROTO;
  return result;
}

// Small pieces share a record; 16 KiB of one piece are sealed where they are.
void TlsFilter::seal(std::span<const Slice> plain, std::size_t& taken) {
  std::array<std::uint8_t, kPlainMost> together;
  std::size_t at = 0;  // of the first piece that is left
  std::size_t within = 0;
  while (at < plain.size() && out_.size() >= kRecordMost) {
    const auto* piece = static_cast<const std::uint8_t*>(plain[at].data) + within;
    std::size_t size = std::min(plain[at].size - within, kPlainMost);
    if (size == plain[at].size - within && at + 1 < plain.size() && size < kPlainMost) {
      size = 0;
      while (at < plain.size() && size < kPlainMost) {
        const std::size_t part = std::min(plain[at].size - within, kPlainMost - size);
        std::memcpy(together.data() + size, static_cast<const std::uint8_t*>(plain[at].data) + within, part);
        size += part;
        within += part;
        if (within == plain[at].size) {
          ++at;
          within = 0;
        }
      }
      piece = together.data();
    } else {
      within += size;
      if (within == plain[at].size) {
        ++at;
        within = 0;
      }
    }
    if (size == 0) continue;
    std::size_t written = 0;
    clear_errors();
    if (openssl.SSL_write_ex(ssl_, piece, size, &written) != 1) {
      fail(Fault::kProtocol);
      return;
    }
    ++records_;
    taken += size;
  }
}

int TlsFilter::truncated() {
  failure_.fault = state_ == State::kUp ? Fault::kTruncated : Fault::kCut;
  return EPROTO;
}

void TlsFilter::fail(Fault fault) {
  failure_.fault = fault;
  failure_.error = first_error();
  if (ssl_ != nullptr) failure_.verify = openssl.SSL_get_verify_result(ssl_);
  clear_errors();
  state_ = State::kFailed;
  hello_.reset();
}

int TlsFilter::read_wire(void* out, int size) {
  const std::size_t count = std::min(in_.size(), static_cast<std::size_t>(size));
  if (count == 0) return -1;
  std::memcpy(out, in_.data(), count);
  in_ = in_.subspan(count);
  return static_cast<int>(count);
}

int TlsFilter::write_wire(const void* bytes, int size) {
  const auto* const from = static_cast<const std::uint8_t*>(bytes);
  const auto count = static_cast<std::size_t>(size);
  if (words_.empty() && count <= out_.size()) {
    std::memcpy(out_.data(), from, count);
    out_ = out_.subspan(count);
  } else {
    words_.insert(words_.end(), from, from + count);
  }
  return size;
}

void TlsFilter::note_message(bool sends, int type, const std::uint8_t* bytes, std::size_t length) {
  if (sends && type == kRecordAlert && length == 2 && bytes[0] == kFatal) failure_.alert_sent = bytes[1];
  if (sends || !is_up()) return;
  if (type == kRecordHandshake) ++idle_messages_;
  if (type == kRecordHeader) ++idle_records_;
}

}  // namespace skein::tls
