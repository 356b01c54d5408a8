"""Asks the SOCKS server at a port to listen, connects to where it listens, and talks through it."""
import socket
import struct
import sys

control = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
control.sendall(struct.pack("!BBH4s", 4, 2, 0, socket.inet_aton("127.0.0.1")) + b"me\0")


def reply():
    data = b""
    while len(data) < 8:
        data += control.recv(8 - len(data))
    version, code, port, host = struct.unpack("!BBH4s", data)
    return code, port, socket.inet_ntoa(host)


code, port, _ = reply()
print("first reply", code)
peer = socket.create_connection(("127.0.0.1", port))
code, source, host = reply()
print("second reply", code, host, source == peer.getsockname()[1])
peer.sendall(b"from the peer")
print("client got", control.recv(100))
control.sendall(b"from the client")
control.shutdown(socket.SHUT_WR)
print("peer got", peer.recv(100), peer.recv(100))
peer.sendall(b"last words")
peer.close()
print("client got", control.recv(100), control.recv(100))
