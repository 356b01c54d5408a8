/**
 * Skein as an echo server.
 *
 *   --mode owning|borrowing   what the protocol receives belongs to it, or is lent for the call
 *   --writes N                answer in N writes
 *   --reactor NAME            epoll unless said otherwise
 *   --break coalescing        every write is sent at once: what the bench's gate has to notice
 *   --break batching          four events at most share a call into JavaScript: likewise
 *
 * To the message "stats" from a parent Node process it answers with the engine's counters.
 */
import { parseArgs } from "node:util";
import { Factory, Protocol } from "../../dist/internet/protocol.js";
import { loadNative } from "../../dist/native.js";
import { writeInPieces } from "./pieces.mjs";

const { values } = parseArgs({
  options: {
    mode: { type: "string", default: "owning" },
    writes: { type: "string", default: "1" },
    reactor: { type: "string", default: "epoll" },
    break: { type: "string" },
  },
});
const writes = Number(values.writes);

class Echo extends Protocol {
  dataReceived(data) {
    this.transport.write(data);
  }
}

class EchoInPieces extends Protocol {
  dataReceived(data) {
    writeInPieces(this.transport, data, writes);
  }
}

const protocol = writes === 1 ? Echo : EchoInPieces;
protocol.borrows = values.mode === "borrowing";

if (values.break !== undefined) breakEngine(values.break);
process.env.SKEIN_REACTOR = values.reactor;
const { reactor } = await import("../../dist/internet/reactor/reactor.js");

const factory = Factory.forProtocol(protocol);
factory.noisy = false;
const port = reactor.listenTCP(0, factory, { interface: "127.0.0.1", backlog: 1024 });
reactor.callWhenRunning(() => console.log(`LISTENING ${port.getHost().port}`));
process.on("message", (question) => {
  if (question === "stats") process.send(reactor.stats());
});
await reactor.run();

/** Engines made from here on have the fault. */
function breakEngine(what) {
  const native = loadNative();
  const createEngine = native.createEngine;
  if (what === "batching") {
    // The smallest array an engine takes: four records.
    const words = 4 * 4;
    native.createEngine = (setup) => createEngine({ ...setup, completions: setup.completions.subarray(0, words) });
  } else if (what === "coalescing") {
    native.createEngine = (setup) => {
      const engine = createEngine(setup);
      for (const name of ["write", "writeStaged"]) {
        const write = engine[name];
        engine[name] = (handle, bytes) => {
          const pending = write.call(engine, handle, bytes);
          engine.flush();
          return pending;
        };
      }
      return engine;
    };
  } else {
    throw new Error(`--break takes batching or coalescing, not ${what}`);
  }
}
