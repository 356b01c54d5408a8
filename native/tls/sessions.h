// How long a client resumes a session. In TLS 1.3 each connection brings new tickets, also one that resumes, and
// OpenSSL counts the age of each from then on: by itself a session would never end, and the server's certificate, which
// was checked at its beginning, would not be checked again. So the time of the full handshake goes with it, as what
// OpenSSL calls application data: in the copy that the client keeps, and in whatever is made of it. (The time that
// OpenSSL keeps is no place for it: what a client tells of a ticket's age is reckoned from that. RFC 8446, 4.2.11.1. A
// server has it there: on_seal_ticket().)
#pragma once

#include <cstdint>

#include "tls/openssl.h"

namespace skein::tls {

// In seconds since 1970: a program may keep sessions for longer than it runs.
using WallClock = std::int64_t (*)();
std::int64_t wall_seconds();

// Writes down the time of the full handshake, unless it is there. False when there is no memory.
bool stamp(ssl_session_st* session, std::int64_t now);
// Whether the full handshake was less than `seconds` ago. False when nothing says when it was.
bool is_fresh(ssl_session_st* session, std::int64_t now, std::int64_t seconds);

}  // namespace skein::tls
