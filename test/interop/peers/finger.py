"""A finger server, and with an argument a client of the one at that port."""
import sys

from twisted.internet import endpoints, protocol, reactor
from twisted.protocols.finger import Finger


class Telling(Finger):
    def getUser(self, slash_w, user):
        self.transport.write(b"user %s %d\n" % (user, slash_w))
        self.transport.loseConnection()

    def getDomain(self, slash_w):
        self.transport.write(b"everybody %d\n" % slash_w)
        self.transport.loseConnection()


class Asking(protocol.Protocol):
    def connectionMade(self):
        self.answer = b""
        self.transport.write(b"/W joe\r\n")

    def dataReceived(self, data):
        self.answer += data

    def connectionLost(self, reason):
        print(repr(self.answer))
        reactor.stop()


if len(sys.argv) > 1:
    endpoint = endpoints.clientFromString(reactor, "tcp:127.0.0.1:" + sys.argv[1])
    endpoints.connectProtocol(endpoint, Asking())
else:
    endpoint = endpoints.serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    endpoint.listen(protocol.Factory.forProtocol(Telling)).addCallback(
        lambda port: print("listening on", port.getHost().port)
    )
reactor.run()
