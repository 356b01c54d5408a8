"""Strings and lines, framed by Twisted.

`framing.py serve KIND` sends back what it receives, reversed. `framing.py connect KIND PORT` sends strings of many sizes
at once to such a server and checks the answers. KIND is a receiver's name, as in Int16StringReceiver; for LineReceiver
both sides also go to raw mode in between: `raw N` announces N bytes, which come back as `got HEX`."""
import sys

from twisted.internet import endpoints, protocol, reactor
from twisted.protocols import basic

mode, kind = sys.argv[1:3]
Receiver = getattr(basic, kind)

SIZES = [0, 1, 2, 10, 99, 100, 255, 256, 1000, 9999, 10000, 65535, 65536, 99999]
MOST = {"Int8StringReceiver": 255, "Int16StringReceiver": 65535}.get(kind, 99999)
STRINGS = [bytes((i * 7 + size) % 256 for i in range(size)) for size in SIZES if size <= MOST]


class Reversing(Receiver):
    def stringReceived(self, string):
        self.sendString(string[::-1])


class Checking(Receiver):
    def connectionMade(self):
        self.expected = [string[::-1] for string in STRINGS]
        for string in STRINGS:
            self.sendString(string)

    def stringReceived(self, string):
        if string != self.expected.pop(0):
            print("wrong:", len(string))
            reactor.stop()
        elif not self.expected:
            print("all is well")
            reactor.stop()


class Lines(basic.LineReceiver):
    left = 0

    def lineReceived(self, line):
        if line.startswith(b"raw "):
            self.left = int(line[4:])
            self.raw = b""
            self.setRawMode()
        else:
            self.sendLine(b"line " + line)

    def rawDataReceived(self, data):
        self.raw += data[: self.left]
        rest = data[self.left :]
        self.left -= len(data) - len(rest)
        if not self.left:
            self.sendLine(b"got " + self.raw.hex().encode())
            self.setLineMode(rest)

    def lineLengthExceeded(self, line):
        self.sendLine(b"too long")
        self.transport.loseConnection()


class CheckingLines(basic.LineReceiver):
    MAX_LENGTH = 20000
    expected = [b"line hello", b"got 0d0a000d0aff", b"line between", b"got 31", b"line ", b"line " + b"x" * 16384]

    def connectionMade(self):
        self.transport.write(b"hello\r\nraw 6\r\n\r\n\0\r\n\xffbetween\r\nraw 1\r\n1\r\n" + b"x" * 16384 + b"\r\n")

    def lineReceived(self, line):
        if line != self.expected.pop(0):
            print("wrong:", line[:100])
            reactor.stop()
        elif not self.expected:
            print("all is well")
            reactor.stop()


if mode == "serve":
    endpoint = endpoints.serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    endpoint.listen(protocol.Factory.forProtocol(Lines if kind == "LineReceiver" else Reversing)).addCallback(
        lambda port: print("listening on", port.getHost().port)
    )
else:
    endpoint = endpoints.clientFromString(reactor, "tcp:127.0.0.1:" + sys.argv[3])
    endpoints.connectProtocol(endpoint, CheckingLines() if kind == "LineReceiver" else Checking())
reactor.run()
