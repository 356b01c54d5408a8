"""TLS of Twisted: `server` echoes lines and turns to TLS after STARTTLS, `tls` does so from the first byte, `client` is the
other end of either. Arguments: what, port (client), files of PEM: the authority, the own key with its certificate."""
import sys

from twisted.internet import endpoints, protocol, reactor, ssl
from twisted.protocols.basic import LineReceiver

what, authority, own = sys.argv[1], sys.argv[2], sys.argv[3]
with open(authority, "rb") as file:
    root = ssl.Certificate.loadPEM(file.read())
with open(own, "rb") as file:
    certificate = ssl.PrivateCertificate.loadPEM(file.read())


class Echo(LineReceiver):
    def lineReceived(self, line):
        if line == b"STARTTLS":
            self.sendLine(b"READY")
            self.transport.startTLS(certificate.options(root), self.factory)
        else:
            peer = getattr(self.transport, "getPeerCertificate", lambda: None)()
            name = peer.get_subject().commonName if peer else "nobody"
            self.sendLine(name.encode() + b" says " + line)


class Client(LineReceiver):
    def connectionMade(self):
        if what == "starttls":
            self.sendLine(b"STARTTLS")
        else:
            self.sendLine(b"hello")

    def lineReceived(self, line):
        print("line", line.decode(), flush=True)
        if line == b"READY":
            options = ssl.optionsForClientTLS("localhost", trustRoot=root, clientCertificate=certificate)
            self.transport.startTLS(options)
            self.sendLine(b"hello")
        else:
            self.transport.loseConnection()

    def connectionLost(self, reason):
        print("lost", reason.type.__name__, flush=True)
        reactor.stop()


if what in ("server", "tls"):
    factory = protocol.Factory.forProtocol(Echo)
    if what == "tls":
        port = reactor.listenSSL(0, factory, certificate.options(root), interface="127.0.0.1")
    else:
        port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    print("listening on", port.getHost().port, flush=True)
else:
    endpoint = endpoints.TCP4ClientEndpoint(reactor, "127.0.0.1", int(sys.argv[4]))
    if what == "client":
        options = ssl.optionsForClientTLS("localhost", trustRoot=root, clientCertificate=certificate)
        endpoint = endpoints.wrapClientTLS(options, endpoint)
    endpoints.connectProtocol(endpoint, Client())
reactor.run()
