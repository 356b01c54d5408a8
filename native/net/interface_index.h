// The number of a network interface, for the zone of an address as in "fe80::1%eth0".
#pragma once

#include <cstdint>

#if defined(_WIN32)
#include "net/system.h"
// After winsock2.h.
#include <iphlpapi.h>
#else
#include <net/if.h>
#endif

namespace skein::net {

// 0 when there is none of that name.
inline std::uint32_t interface_index(const char* name) {
  return if_nametoindex(name);
}

}  // namespace skein::net
