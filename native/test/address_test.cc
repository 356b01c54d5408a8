#include "net/address.h"

#include <array>
#include <string>

#include "test/test.h"

namespace skein {

TEST("literals are read and written back") {
  for (const char* host : {"127.0.0.1", "0.0.0.0", "::", "::1", "2001:db8::7", "::ffff:192.0.2.1"}) {
    Address address;
    if (!CHECK(parse_address(host, 4711, address))) continue;
    CHECK_EQUAL(address.host(), std::string(host));
    CHECK_EQUAL(address.port(), 4711);
  }
}

TEST("no host is every IPv4 interface") {
  Address address;
  CHECK(parse_address("", 80, address));
  CHECK_EQUAL(address.host(), std::string("0.0.0.0"));
}

TEST("what is no literal is refused") {
  Address address;
  for (const char* host :
       {"localhost", "127.0.0", "1.2.3.4.5", ":::", "::1%", "fe80::1%no-such-interface", "12345::"}) {
    CHECK(!parse_address(host, 1, address));
  }
}

TEST("a zone is kept as its number") {
  Address address;
  CHECK(parse_address("fe80::1%7", 1, address));
  CHECK_EQUAL(address.scope(), 7);
  CHECK_EQUAL(address.host(), std::string("fe80::1"));
}

#if !defined(_WIN32)
TEST("a UNIX socket's address has its path, of any length that there is room for, and packs it") {
  std::array<std::uint8_t, kPackedAddressMost> packed{};
  const std::size_t most = sizeof(sockaddr_un::sun_path) - 1;
  for (const std::string& path : {std::string("/run/a"), std::string(most, 'p'), std::string("\0abstract", 9)}) {
    Address address;
    if (!CHECK(unix_address(path, address))) continue;
    CHECK_EQUAL(address.host(), path);
    CHECK_EQUAL(address.port(), 0);
    CHECK_EQUAL(pack_address(address, packed), 4 + path.size());
    CHECK_EQUAL(packed[0], 1);
    CHECK_EQUAL(packed[1], 4 + path.size());
    CHECK_EQUAL(std::string(reinterpret_cast<const char*>(&packed[4]), path.size()), path);
  }
  Address address;
  CHECK(!unix_address("", address) && !unix_address(std::string(most + 1, 'p'), address));
  // What the kernel tells of a socket without a name.
  address.storage.ss_family = AF_UNIX;
  address.length = sizeof address.storage.ss_family;
  CHECK_EQUAL(address.host(), std::string());
  CHECK_EQUAL(pack_address(address, packed), 4);
}
#endif

TEST("a packed address holds family, length, port, host and scope") {
  std::array<std::uint8_t, kPackedAddressMost> packed{};
  Address address;
  CHECK(parse_address("10.1.2.3", 0x1234, address));
  CHECK_EQUAL(pack_address(address, packed), 8);
  CHECK_EQUAL(packed[0], 4);
  CHECK_EQUAL(packed[1], 8);
  CHECK_EQUAL(packed[2] | packed[3] << 8, 0x1234);
  CHECK_EQUAL(packed[4] << 24 | packed[5] << 16 | packed[6] << 8 | packed[7], 0x0a010203);
  CHECK(parse_address("fe80::2%3", 0xffff, address));
  CHECK_EQUAL(pack_address(address, packed), 24);
  CHECK_EQUAL(packed[0], 6);
  CHECK_EQUAL(packed[1], 24);
  CHECK_EQUAL(packed[4] << 8 | packed[5], 0xfe80);
  CHECK_EQUAL(packed[19], 2);
  CHECK_EQUAL(packed[20], 3);
}

}  // namespace skein
