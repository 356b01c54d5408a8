// What the connections of one policy share: an SSL_CTX with certificates, roots and rules. Made from checked options of
// the layer above, and not changed afterwards but for its ticket keys. It belongs to one thread.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "tls/openssl.h"
#include "tls/sessions.h"
#include "tls/tickets.h"

namespace skein::tls {

// Why something of OpenSSL's did not work, from codes only: nothing of a key or a passphrase is in it.
struct Refusal {
  std::string what;    // in our words, "the private key"
  std::string reason;  // in OpenSSL's, "bad decrypt"; may be ""
};

// What OpenSSL complains of first, "" for nothing. Leaves its queue of errors empty.
std::string complaint();

// Trusted certificates, and lists of those that were revoked. One is shared by all contexts with the same roots: to
// read a hundred of them takes 6 to 50 ms.
class Roots {
 public:
  struct Options {
    std::string certificates;    // PEM
    bool platform = false;       // and those that the system's OpenSSL would trust
    std::string revoked;         // PEM of CRLs; when there are any, each certificate of a chain needs one
    bool partial_chain = false;  // a chain may end at an intermediate certificate that is among `certificates`
  };
  static std::shared_ptr<Roots> make(const Options& options, Refusal& refusal);
  ~Roots();
  Roots(const Roots&) = delete;
  Roots& operator=(const Roots&) = delete;

  x509_store_st* store() const { return store_; }
  // Tells peers which authorities their certificates may come from.
  const std::vector<x509_st*>& certificates() const { return certificates_; }

 private:
  Roots() = default;
  x509_store_st* store_ = nullptr;
  std::vector<x509_st*> certificates_;
};

enum class PeerCertificate : std::uint8_t { kNone, kRequest, kRequire };

class Context {
 public:
  // A private key (DER) and its certificate, the chain behind it (PEM).
  struct Identity {
    std::string certificates;
    std::string key;
  };
  struct Options {
    bool server = false;
    std::vector<Identity> identities;
    std::shared_ptr<Roots> roots;
    PeerCertificate peer = PeerCertificate::kNone;
    int min_version = kVersion12;
    int max_version = kVersion13;
    int security_level = 2;
    std::string ciphers;  // of TLS 1.2
    std::string suites;   // of TLS 1.3
    std::string groups;
    std::string signature_algorithms;
    std::string protocols;  // each behind its length (RFC 7301, 3.1); a server's are in its order of preference
    std::string session_id_context;  // of a server: what a session must agree in to be resumed; 32 bytes at most
    int session_seconds = 7200;      // from its full handshake on, a session may be resumed for so long
    bool tickets = true;
    bool even_tickets = false;   // of a server: as even_ticket() makes them
    std::string ocsp_response;   // DER, which a server staples
    bool requests_ocsp = false;  // of a client: and verifies it, unless it verifies nothing
    bool requires_ocsp = false;
    bool logs_keys = false;
  };
  static std::shared_ptr<Context> make(Options& options, Refusal& refusal);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  SSL_CTX* get() const { return context_; }
  const bio_method_st* bio_method() const { return bio_method_; }
  bool is_server() const { return server_; }
  PeerCertificate peer() const { return peer_; }
  // nullptr: nobody is trusted.
  x509_store_st* store() const { return roots_ == nullptr ? nullptr : roots_->store(); }
  TicketKeys& ticket_keys() { return ticket_keys_; }
  const std::string& protocols() const { return protocols_; }
  const std::string& ocsp_response() const { return ocsp_response_; }
  bool requests_ocsp() const { return requests_ocsp_; }
  bool requires_ocsp() const { return requires_ocsp_; }
  bool even_tickets() const { return even_tickets_; }
  // Of a client: what a session of a full handshake gets, and whether one may still be resumed.
  bool stamp(ssl_session_st* session) const { return tls::stamp(session, clock_()); }
  bool is_fresh(ssl_session_st* session) const { return tls::is_fresh(session, clock_(), session_seconds_); }
  void set_clock(WallClock clock) { clock_ = clock; }

  // The layer above is asked which context a client gets that names a server.
  bool asks = false;

  // Clients that name `name` get another context: a host, or "*." and the rest of one, which stands for one label.
  void add_name(const std::string& name, std::shared_ptr<Context> context) { names_[name] = std::move(context); }
  // The context for such a client; nullptr: this one.
  std::shared_ptr<Context> named(const std::string& name) const;

 private:
  Context() = default;
  bool configure(Options& options, Refusal& refusal);
  bool set_policy(const Options& options, Refusal& refusal);
  bool use(const Identity& identity, Refusal& refusal);
  bool set_callbacks(const Options& options);

  SSL_CTX* context_ = nullptr;
  bio_method_st* bio_method_ = nullptr;
  bool server_ = false;
  PeerCertificate peer_ = PeerCertificate::kNone;
  bool requests_ocsp_ = false;
  bool requires_ocsp_ = false;
  bool even_tickets_ = false;
  int session_seconds_ = 0;
  WallClock clock_ = wall_seconds;
  std::shared_ptr<Roots> roots_;
  TicketKeys ticket_keys_;
  std::string protocols_;
  std::string ocsp_response_;
  std::unordered_map<std::string, std::shared_ptr<Context>> names_;
};

}  // namespace skein::tls
