#include "tls/callbacks.h"

#include <cstring>
#include <string>

#include "tls/filter.h"

namespace skein::tls {

namespace {

Staple staple_of(SSL* ssl, stack_st_X509* chain, const Context& context) {
  const unsigned char* response = nullptr;
  const long size = openssl.SSL_ctrl(ssl, kCtrlGetStatusResponse, 0, &response);
  if (response != nullptr && size >= 0) {
    return verify_staple({response, static_cast<std::size_t>(size)}, chain, context.store());
  }
  if (must_staple(chain)) return Staple::kMustHave;
  return context.requires_ocsp() ? Staple::kMissing : Staple::kAbsent;
}

}  // namespace

// Reaches into a filter for OpenSSL's callbacks.
struct Callbacks {
  static TlsFilter& of(const SSL* ssl) { return *static_cast<TlsFilter*>(openssl.SSL_get_ex_data(ssl, 0)); }

  static int read(BIO* bio, char* out, int size) {
    return static_cast<TlsFilter*>(openssl.BIO_get_data(bio))->read_wire(out, size);
  }
  static int write(BIO* bio, const char* bytes, int size) {
    return static_cast<TlsFilter*>(openssl.BIO_get_data(bio))->write_wire(bytes, size);
  }
  static long control(BIO*, int what, long, void*) { return what == kBioFlush ? 1 : 0; }

  static void message(void* filter, bool sends, int type, const void* bytes, std::size_t length) {
    static_cast<TlsFilter*>(filter)->note_message(sends, type, static_cast<const std::uint8_t*>(bytes), length);
  }
  static void key_log(const SSL* ssl, const char* line) {
    TlsFilter& filter = of(ssl);
    filter.key_log_ += line;
    filter.key_log_ += '\n';
    filter.events_ |= TlsFilter::kKeyLog;
  }
  static int new_session(SSL* ssl, ssl_session_st* session) {
    of(ssl).keep_session(session);
    return 1;  // the reference is ours
  }
  // When the session that is resumed was made; see on_seal_ticket().
  static long& resumed_time(const SSL* ssl) { return of(ssl).resumed_time_; }
  static const std::string& chosen(const SSL* ssl) { return of(ssl).protocol_; }
  static Context& context(const SSL* ssl) { return *of(ssl).context_; }
  static Staple& staple(const SSL* ssl) { return of(ssl).failure_.staple; }
};

bio_method_st* new_bio_method() {
  // By itself and not by a type of its own, of which a process has 127: each worker that loads the addon would take
  // one.
  bio_method_st* const made = openssl.BIO_meth_new(kBioSourceSink, "skein");
  if (made == nullptr) return nullptr;
  openssl.BIO_meth_set_read(made, Callbacks::read);
  openssl.BIO_meth_set_write(made, Callbacks::write);
  openssl.BIO_meth_set_ctrl(made, Callbacks::control);
  return made;
}

void on_message(int sends, int, int type, const void* bytes, std::size_t length, SSL*, void* filter) {
  Callbacks::message(filter, sends != 0, type, bytes, length);
}

void on_key_log(const SSL* ssl, const char* line) {
  Callbacks::key_log(ssl, line);
}

int on_new_session(SSL* ssl, ssl_session_st* session) {
  return Callbacks::new_session(ssl, session);
}

int on_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, evp_cipher_ctx_st* cipher, evp_mac_ctx_st* mac,
                  int seals) {
  return Callbacks::context(ssl).ticket_keys().handle(name, iv, cipher, mac, seals != 0);
}

// In TLS 1.3 a session that was resumed is sealed again as if it were new: whoever comes in time would never have to
// show a certificate again. It lasts no longer than the one that the client has shown its certificate for.
int on_seal_ticket(SSL* ssl, void*) {
  if (openssl.SSL_session_reused(ssl) == 1) {
    openssl.SSL_SESSION_set_time(openssl.SSL_get_session(ssl), Callbacks::resumed_time(ssl));
  }
  return Callbacks::context(ssl).even_tickets() ? even_ticket(ssl, nullptr) : 1;
}

int on_open_ticket(SSL* ssl, ssl_session_st* session, const unsigned char*, std::size_t, int status, void*) {
  if (status != kTicketSuccess && status != kTicketSuccessRenew) return kTicketIgnoreRenew;
  Callbacks::resumed_time(ssl) = openssl.SSL_SESSION_get_time(session);
  return status == kTicketSuccess ? kTicketUse : kTicketUseRenew;
}

// The first of ours that the client offers, or what the program has chosen.
int on_alpn(SSL* ssl, const unsigned char** out, unsigned char* out_length, const unsigned char* in, unsigned in_length,
            void*) {
  const std::string& chosen = Callbacks::chosen(ssl);
  const std::string& own = Callbacks::context(ssl).protocols();
  const auto offers = [&](const unsigned char* protocol, std::size_t length) -> const unsigned char* {
    for (std::size_t at = 0; at < in_length; at += 1 + std::size_t{in[at]}) {
      if (in[at] == length && at + 1 + length <= in_length && std::memcmp(in + at + 1, protocol, length) == 0) {
        return in + at + 1;
      }
    }
    return nullptr;
  };
  const auto select = [&](const unsigned char* protocol, std::size_t length) {
    *out = offers(protocol, length);
    *out_length = static_cast<unsigned char>(length);
    return *out != nullptr;
  };
  if (!chosen.empty()) {
    return select(reinterpret_cast<const unsigned char*>(chosen.data()), chosen.size()) ? kAlpnOk : kAlpnFatal;
  }
  if (own.empty()) return kStatusNone;
  const auto* list = reinterpret_cast<const unsigned char*>(own.data());
  for (std::size_t at = 0; at < own.size(); at += 1 + std::size_t{list[at]}) {
    if (select(list + at + 1, list[at])) return kAlpnOk;
  }
  return kAlpnFatal;
}

// OpenSSL frees what it is given.
int on_status(SSL* ssl, void*) {
  const std::string& response = Callbacks::context(ssl).ocsp_response();
  void* const copy = openssl.CRYPTO_malloc(response.size(), "", 0);
  if (copy == nullptr) return kStatusNone;
  std::memcpy(copy, response.data(), response.size());
  openssl.SSL_ctrl(ssl, kCtrlSetStatusResponse, static_cast<long>(response.size()), copy);
  return kStatusOk;
}

// Called in each handshake in which the certificate is shown, and in TLS 1.3 in those that resume one, too: what was
// verified then was also the response.
int on_staple(SSL* ssl, void*) {
  if (openssl.SSL_session_reused(ssl) == 1) return kStapleAccepted;
  const Staple staple = staple_of(ssl, openssl.SSL_get0_verified_chain(ssl), Callbacks::context(ssl));
  Callbacks::staple(ssl) = staple;
  return staple == Staple::kGood || staple == Staple::kAbsent ? kStapleAccepted : kStapleRefused;
}

}  // namespace skein::tls
