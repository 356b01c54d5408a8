"""An ident server, and with an argument a client of the one at that port.

In Twisted 22.4 the module still takes lines for text, so that they are converted here."""
import sys

from twisted.internet import endpoints, protocol, reactor
from twisted.protocols import ident


class Text:
    def lineReceived(self, line):
        super().lineReceived(line.decode())

    def sendLine(self, line):
        super().sendLine(line.encode())


class Server(Text, ident.IdentServer):
    def lookup(self, server, client):
        if server[1] == 1:
            raise ident.NoUser()
        if server[1] == 2:
            raise ident.HiddenUser()
        return "UNIX", "user%d-%d" % (server[1], client[1])


class Client(Text, ident.IdentClient):
    def connectionMade(self):
        self.waiting = 3
        for ports in (6193, 23), (1, 2), (0, 5):
            self.lookup(*ports).addBoth(self.tell)

    def tell(self, answer):
        print("answer:", answer if isinstance(answer, tuple) else answer.type.__name__)
        self.waiting -= 1
        if not self.waiting:
            reactor.stop()


if len(sys.argv) > 1:
    endpoint = endpoints.clientFromString(reactor, "tcp:127.0.0.1:" + sys.argv[1])
    endpoints.connectProtocol(endpoint, Client())
else:
    endpoint = endpoints.serverFromString(reactor, "tcp:0:interface=127.0.0.1")
    endpoint.listen(protocol.Factory.forProtocol(Server)).addCallback(
        lambda port: print("listening on", port.getHost().port)
    )
reactor.run()
