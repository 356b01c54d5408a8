// The rows of net/errno_table.h as cases of fault injection: how many calls of each fail, and what may come of it. For
// faults_test.cc, which fails calls by --wrap, and test/torture/faults.cc, which fails them by LD_PRELOAD.
#pragma once

#include "net/errno_table.h"

namespace skein::test {

// The first row of a call with this errno: EAGAIN and EWOULDBLOCK may be one number.
constexpr bool is_first(const net::ErrnoRow& row) {
  for (const net::ErrnoRow& other : net::errno_table()) {
    if (other.call == row.call && other.error == row.error) return &other == &row;
  }
  return false;
}

// How many of its calls fail, each in a scenario of its own. The errnos of one meaning take one path, so that for all
// but the first of them a few calls are enough.
constexpr unsigned highest_nth(const net::ErrnoRow& row) {
  for (const net::ErrnoRow& other : net::errno_table()) {
    if (other.call == row.call && other.meaning == row.meaning) return &other == &row ? 20 : 3;
  }
  return 20;
}

// How many connections it may hurt.
constexpr int most_hurt(const net::ErrnoRow& row) {
  switch (row.meaning) {
    case net::Meaning::kAgain:
    case net::Meaning::kInterrupted:
    case net::Meaning::kGoesOn:
    case net::Meaning::kListenerPauses:
    case net::Meaning::kIgnored:
      return 0;
    case net::Meaning::kPause:
      // A descriptor that cannot be added at all: its connection fails at once.
      return row.call == net::Call::kChange ? 1 : 0;
    case net::Meaning::kPeerGone:
      return row.call == net::Call::kAccept ? 0 : 1;
    case net::Meaning::kReset:
    case net::Meaning::kLost:
    case net::Meaning::kFails:
      break;
  }
  return 1;
}

}  // namespace skein::test
