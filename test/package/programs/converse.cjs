// A server that echoes and a client that talks to it: prints what came back, and on which reactor.
exports.converse = async ({ ClientFactory, Factory, Protocol }, reactor) => {
  class Echo extends Protocol {
    dataReceived(data) {
      this.transport.write(data);
    }
  }

  class Client extends Protocol {
    heard = "";
    connectionMade() {
      this.transport.write("Hello, ");
      this.transport.write("net!");
    }
    dataReceived(data) {
      this.heard += data;
      if (this.heard.length === 11) this.transport.loseConnection();
    }
    connectionLost() {
      console.log(`${reactor.name}: ${this.heard}`);
      reactor.stop();
    }
  }

  const port = reactor.listenTCP(0, Factory.forProtocol(Echo));
  reactor.connectTCP("127.0.0.1", port.getHost().port, ClientFactory.forProtocol(Client));
  await reactor.run();
};
