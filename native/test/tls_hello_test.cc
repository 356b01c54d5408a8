// What is read of a client's first message, whole, in pieces, and when it is none.
#include "tls/hello.h"

#include <cstdint>
#include <string>

#include "test/test.h"

namespace {

using skein::tls::Hello;

std::string number(std::size_t value, std::size_t size) {
  std::string text;
  while (size-- > 0) text += static_cast<char>(value >> (8 * size));
  return text;
}
std::string vector(std::size_t size_of_length, const std::string& body) {
  return number(body.size(), size_of_length) + body;
}
std::string extension(std::size_t type, const std::string& body) {
  return number(type, 2) + vector(2, body);
}
std::string name_extension(const std::string& name) {
  return extension(0, vector(2, number(0, 1) + vector(2, name)));
}
std::string message(const std::string& extensions) {
  const std::string body = number(0x0303, 2) + std::string(32, 'r') + vector(1, std::string(32, 's')) +
                           vector(2, number(0x1301, 2)) + vector(1, number(0, 1)) + vector(2, extensions);
  return number(1, 1) + vector(3, body);
}
// The message in records of `size` bytes.
std::string records(const std::string& message, std::size_t size = 16'384) {
  std::string wire;
  for (std::size_t at = 0; at < message.size(); at += size) {
    wire += number(22, 1) + number(0x0301, 2) + vector(2, message.substr(at, size));
  }
  return wire;
}
std::size_t feed(Hello& hello, const std::string& wire) {
  return hello.feed({reinterpret_cast<const std::uint8_t*>(wire.data()), wire.size()});
}

const std::string kProtocols = vector(1, "h2") + vector(1, "http/1.1");
const std::string kMessage =
    message(extension(99, "grease") + name_extension("WWW.Example.org.") + extension(16, vector(2, kProtocols)));

void check_example(const Hello& hello) {
  CHECK_EQUAL(hello.state(), Hello::State::kWhole);
  CHECK_EQUAL(hello.server_name(), "www.example.org");
  CHECK_EQUAL(hello.protocols(), kProtocols);
}

}  // namespace

TEST("the name and the protocols of a hello are read, and what follows it is left") {
  Hello hello;
  const std::string wire = records(kMessage);
  CHECK_EQUAL(feed(hello, wire + "more"), wire.size());
  check_example(hello);
  CHECK(std::string(hello.wire().begin(), hello.wire().end()) == wire);
}

TEST("a hello may be cut into records and segments anywhere") {
  for (const std::size_t record : {1, 2, 3, 5, 50, 16'384}) {
    const std::string wire = records(kMessage, record);
    for (const std::size_t segment : {1, 4, 7, 64}) {
      Hello hello;
      for (std::size_t at = 0; at < wire.size(); at += segment) {
        CHECK_EQUAL(hello.state(), Hello::State::kPartial);
        const std::string piece = wire.substr(at, segment);
        CHECK_EQUAL(feed(hello, piece), piece.size());
      }
      check_example(hello);
    }
  }
}

TEST("a hello without extensions names nothing") {
  Hello hello;
  feed(hello, records(message("")));
  CHECK_EQUAL(hello.state(), Hello::State::kWhole);
  CHECK_EQUAL(hello.server_name(), "");
  CHECK_EQUAL(hello.protocols(), "");
}

TEST("what is no host name is no name: an address has no meaning here, nor has a NUL character") {
  for (const std::string& name : {std::string("a\0b.example", 11), std::string(256, 'a'), std::string("b\xc3\xbc"),
                                  std::string("a b"), std::string("[::1]"), std::string(".")}) {
    Hello hello;
    feed(hello, records(message(name_extension(name))));
    CHECK_EQUAL(hello.server_name(), "");
  }
}

TEST("lengths that lie end the reading, and nothing behind the message is read") {
  for (std::size_t cut = 0; cut < kMessage.size(); ++cut) {
    for (const int change : {1, 0x40, 0xff}) {
      std::string changed = kMessage;
      changed[cut] = static_cast<char>(changed[cut] ^ change);
      Hello hello;
      const std::string wire = records(changed);
      CHECK(feed(hello, wire) <= wire.size());
    }
  }
}

TEST("other bytes are no hello, from the first one that cannot be") {
  for (const std::string& wire :
       {std::string("GET / HTTP/1.1\r\n"), std::string("SSH-2.0-x\r\n"), std::string("\x80\x2e\x01", 3),
        std::string("\x15\x03\x01\x00\x02\x02\x28", 7), std::string("\x16\x02", 2),
        std::string("\x16\x03\x01\x00\x00", 5), std::string("\x16\x03\x01\x40\x01", 5),
        std::string("\x16\x03\x01\x00\x04\x02\x00\x00\x00", 9)}) {
    Hello hello;
    feed(hello, wire);
    CHECK_EQUAL(hello.state(), Hello::State::kOther);
  }
}

TEST("a hello that is too long is given up, when its length is known or its records have cost too much") {
  Hello announced;
  feed(announced, records(number(1, 1) + number(Hello::kMessageMost + 1, 3)));
  CHECK_EQUAL(announced.state(), Hello::State::kOther);
  Hello longest;
  feed(longest, records(number(1, 1) + vector(3, std::string(Hello::kMessageMost, 'x'))));
  CHECK_EQUAL(longest.state(), Hello::State::kWhole);
  Hello crumbs;
  const std::string wire = records(number(1, 1) + vector(3, std::string(Hello::kMessageMost, 'x')), 1);
  CHECK(feed(crumbs, wire) <= Hello::kWireMost + 8);
  CHECK_EQUAL(crumbs.state(), Hello::State::kOther);
}
