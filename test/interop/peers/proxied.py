"""A server behind `haproxy:` that tells each connection which addresses its header told, and what it received."""
from twisted.internet import endpoints, protocol, reactor


class Telling(protocol.Protocol):
    def dataReceived(self, data):
        peer, host = self.transport.getPeer(), self.transport.getHost()
        told = " ".join(
            address.name.decode() if hasattr(address, "name") else "%s %d" % (address.host, address.port)
            for address in (peer, host)
        )
        self.transport.write(told.encode() + b" | " + data)
        self.transport.loseConnection()


endpoint = endpoints.serverFromString(reactor, "haproxy:tcp:0:interface=127.0.0.1")
endpoint.listen(protocol.Factory.forProtocol(Telling)).addCallback(
    lambda port: print("listening on", port.getHost().port)
)
reactor.run()
