// What OpenSSL calls for a connection; each finds its filter, which is application data of the SSL.
#pragma once

#include "tls/openssl.h"

namespace skein::tls {

// What SSL reads from and writes to: the spans of its filter. nullptr when there is no memory.
bio_method_st* new_bio_method();

MessageCallback on_message;
KeyLogCallback on_key_log;
NewSessionCallback on_new_session;
TicketKeyCallback on_ticket_key;
AlpnCallback on_alpn;
StatusCallback on_status;  // of a server
StatusCallback on_staple;  // of a client
NewTicketCallback on_seal_ticket;
OpenedTicketCallback on_open_ticket;

}  // namespace skein::tls
