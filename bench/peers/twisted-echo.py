"""Twisted on its epoll reactor as an echo server. --writes N answers in N writes.

Not named twisted.py: a script finds its own folder first and would import itself.
"""

import argparse
import resource
import socket

from twisted.internet import epollreactor

epollreactor.install()

from twisted.internet import protocol, reactor  # noqa: E402  (the reactor is chosen first)

parser = argparse.ArgumentParser()
parser.add_argument("--writes", type=int, default=1)
writes = parser.parse_args().writes


class Echo(protocol.Protocol):
    def dataReceived(self, data):
        self.transport.write(data)


class EchoInPieces(protocol.Protocol):
    def dataReceived(self, data):
        piece = len(data) // writes
        for i in range(writes - 1):
            self.transport.write(data[i * piece : (i + 1) * piece])
        self.transport.write(data[(writes - 1) * piece :])


hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

factory = protocol.Factory.forProtocol(Echo if writes == 1 else EchoInPieces)
factory.noisy = False
port = reactor.listenTCP(0, factory, backlog=1024, interface="127.0.0.1")
# Accepted sockets inherit it on Linux: one call less a connection, as with the other servers.
port.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print(f"LISTENING {port.getHost().port}", flush=True)
reactor.run()
