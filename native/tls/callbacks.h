// What OpenSSL calls for a connection; each finds its filter, which is application data of the SSL.
#pragma once

#include "tls/openssl.h"

namespace skein::tls {

MessageCallback on_message;
KeyLogCallback on_key_log;
NewSessionCallback on_new_session;
TicketKeyCallback on_ticket_key;
AlpnCallback on_alpn;
StatusCallback on_status;

}  // namespace skein::tls
