import { describe, expect, it } from "vitest";
import { AccumulatingProtocol, loopbackAsync } from "../../src/entries/testing.ts";
import { ConnectionDone } from "../../src/internet/error.ts";
import { Protocol } from "../../src/internet/protocol.ts";
import { Echo } from "../../src/protocols/wire.ts";

async function twoTurns(): Promise<void> {
  await new Promise(setImmediate);
  await new Promise(setImmediate);
}

describe("loopbackAsync", () => {
  it("pumps between two protocols until both have lost the connection", async () => {
    class Once extends AccumulatingProtocol {
      override dataReceived(data: Buffer): void {
        super.dataReceived(data);
        this.transport.loseConnection();
      }
    }
    class Asks extends Once {
      override connectionMade(): void {
        super.connectionMade();
        setImmediate(() => this.transport.write("now"));
      }
    }
    const [server, client] = [new Once(), new Asks()];
    await loopbackAsync(server, client);
    expect([server.data.toString(), client.closedReason?.value]).toEqual(["now", expect.any(ConnectionDone)]);
  });

  it("fails with an exception of a protocol", async () => {
    class Throws extends Protocol {
      override dataReceived(): void {
        throw new Error("boom");
      }
    }
    class Asks extends Protocol {
      override connectionMade(): void {
        this.transport.write("x");
      }
    }
    await expect(loopbackAsync(new Throws(), new Asks())).rejects.toThrow("boom");
  });

  it("fails with an exception of makeConnection()", async () => {
    class Refuses extends Protocol {
      override connectionMade(): void {
        throw new Error("no");
      }
    }
    await expect(loopbackAsync(new Protocol(), new Refuses())).rejects.toThrow("no");
  });

  it("serves a producer that registers later, and closes when it has finished", async () => {
    const [server, client] = [new AccumulatingProtocol(), new AccumulatingProtocol()];
    const d = loopbackAsync(server, client);
    await twoTurns();
    const pieces = ["a", "b", "c"];
    const { transport } = client;
    const producer = {
      resumeProducing(): void {
        const piece = pieces.shift();
        if (piece !== undefined) transport.write(piece);
        else setImmediate(() => transport.unregisterProducer());
      },
      stopProducing(): void {},
    };
    transport.registerProducer(producer, false);
    transport.loseConnection();
    await d;
    expect([server.data.toString(), server.closedReason?.value]).toEqual(["abc", expect.any(ConnectionDone)]);
  });

  it("schedules nothing while both are idle, and nothing once it is cancelled", async () => {
    const [server, client] = [new Echo(), new AccumulatingProtocol()];
    const d = loopbackAsync(server, client);
    d.addErrback(() => undefined);
    client.transport.write("one");
    await twoTurns();
    expect(client.data.toString()).toBe("one");
    d.cancel();
    client.transport.write("two");
    await twoTurns();
    expect(client.data.toString()).toBe("one");
  });
});
