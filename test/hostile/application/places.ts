/** What calls a program apart from the connections of lines.ts: timers, triggers, watched descriptors, observers, streams. */
import { closeSync, constants, openSync, readSync, writeSync } from "node:fs";
import { type Connection, handle } from "../../../src/entries/streams.ts";
import { Deferred } from "../../../src/internet/defer/deferred.ts";
import { ConnectionDone } from "../../../src/internet/error.ts";
import type { Connector, DescriptorEnd, ListeningPort, TriggerPhase } from "../../../src/internet/interfaces.ts";
import { Protocol } from "../../../src/internet/protocol.ts";
import type { EngineReactor } from "../../../src/internet/reactor/engine.ts";
import { err, globalLogPublisher } from "../../../src/logger/logger.ts";
import { ownLoopback } from "../../helpers/world.ts";
import { Dialling, freshStreams, portOf, Talk } from "./neighbours.ts";
import type { Descriptor, Plan } from "./plan.ts";

/** One misbehaviour and what brings it about, in STEPS steps; between two of them everybody else talks. */
export interface Case {
  readonly plan: Plan;
  step(step: number): void;
  /** Bring to an end what is left. Returns whether nothing is. Called again and again. */
  windUp(): boolean;
  problems(): string[];
}

/** What the places of this file need. */
export interface Surroundings {
  readonly reactor: EngineReactor;
  /** The path of a FIFO that nobody has open, where descriptors can be watched. */
  readonly fifo?: string | undefined;
}

type Maker = (plan: Plan, surroundings: Surroundings) => Case;

/** Each place, and who brings it about. "?" marks those that need a descriptor. */
const makers: Readonly<Record<string, Maker>> = {
  "callLater()": delayedCall,
  "before trigger": triggerOf("before"),
  "during trigger": triggerOf("during"),
  "after trigger": triggerOf("after"),
  "log observer": observer,
  "resolve() callback": deferredCallback,
  "unhandled errback": unhandledFailure,
  "handle()": streamHandler,
  "handle() after a read": streamHandler,
  "handle() after the end": streamHandler,
  "descriptor fileno": descriptor,
  "descriptor logPrefix": descriptor,
  "descriptor doRead": descriptor,
  "descriptor doWrite": descriptor,
  "descriptor readConnectionLost": descriptor,
  "descriptor connectionLost": descriptor,
};

export const OTHER_PLACES: readonly string[] = Object.keys(makers);

/** A promise that such a callback returns may be rejected: that is logged. */
export function mayRejectElsewhere(place: string): boolean {
  return /^callLater|trigger$|^handle|callback$/.test(place);
}

export function needsDescriptor(place: string): boolean {
  return place.startsWith("descriptor ");
}

export function makeOther(plan: Plan, surroundings: Surroundings): Case {
  return makers[plan.place]!(plan, surroundings);
}

function problemsOf(plan: Plan, ...found: (string | false)[]): string[] {
  return found.flatMap((problem) => (problem === false ? [] : [`${plan.name}: ${problem}`]));
}

function delayedCall(plan: Plan, { reactor }: Surroundings): Case {
  let after = false;
  return {
    plan,
    step(step) {
      if (step !== 0) return;
      reactor.callLater(0, () => plan.at("callLater()", { reactor }));
      reactor.callLater(0, () => {
        after = true;
      });
    },
    windUp: () => after,
    problems: () => problemsOf(plan, !after && "the delayed call after it was not made"),
  };
}

let events = 0;

function triggerOf(phase: TriggerPhase): Maker {
  return (plan, { reactor }) => {
    const event = `hostile event ${events++}`;
    let after = false;
    return {
      plan,
      step(step) {
        if (step !== 0) return;
        reactor.addSystemEventTrigger(phase, event, () => plan.at(`${phase} trigger`, { reactor }));
        reactor.addSystemEventTrigger(phase, event, () => {
          after = true;
        });
        reactor.fireSystemEvent(event);
      },
      windUp: () => after,
      problems: () => problemsOf(plan, !after && "the trigger after it did not run"),
    };
  };
}

function observer(plan: Plan, { reactor }: Surroundings): Case {
  const observe = () => void plan.at("log observer", { reactor });
  return {
    plan,
    step(step) {
      if (step === 0) globalLogPublisher.addObserver(observe);
      err(new Error("for observers"), "A line of a hostile program");
    },
    windUp() {
      globalLogPublisher.removeObserver(observe);
      return true;
    },
    problems: () => [],
  };
}

function deferredCallback(plan: Plan, { reactor }: Surroundings): Case {
  let after = false;
  return {
    plan,
    step(step) {
      if (step !== 0) return;
      const resolved: Deferred<unknown> = reactor.resolve("127.0.0.1");
      resolved.addCallback(() => plan.at("resolve() callback", { reactor })).addErrback(() => undefined);
      reactor.resolve("127.0.0.1").addBoth(() => {
        after = true;
      });
    },
    windUp: () => after,
    problems: () => problemsOf(plan, !after && "another resolve() did not fire"),
  };
}

/** A failure that is handled late, after it was looked through for what nobody handles. */
function unhandledFailure(plan: Plan, { reactor }: Surroundings): Case {
  const failing = new Deferred<unknown>();
  return {
    plan,
    step(step) {
      if (step === 0) failing.addCallback(() => plan.at("unhandled errback", { reactor })).callback(undefined);
      if (step === 3) failing.addErrback((failure) => void [String(failure), failure.getBriefTraceback()]);
    },
    windUp: () => true,
    problems: () => [],
  };
}

/** What a handler of a stream speaks with. */
class Speaker extends Protocol {
  readonly talk: Talk;
  losses = 0;

  constructor(talk: Talk) {
    super();
    this.talk = talk;
  }
  override dataReceived(data: Buffer): void {
    this.talk.hear(data);
  }
  override connectionLost(): void {
    this.losses++;
  }
}

function streamHandler(plan: Plan, { reactor }: Surroundings): Case {
  const [from, to] = freshStreams();
  const speaker = new Speaker(new Talk(from, to));
  const talk = new Talk(to, from);
  const host = ownLoopback();
  let port: ListeningPort | undefined;
  let connector: Connector | undefined;
  let stopped = false;
  const connections: { readonly connection: Connection; closed: boolean }[] = [];
  const handler = (connection: Connection) => {
    const entry = { connection, closed: false };
    connections.push(entry);
    connection.closed.then(() => {
      entry.closed = true;
    });
    const at = (place: string, data?: Buffer) =>
      plan.at(place, {
        reactor,
        port,
        transport: connection.transport,
        data,
        connection,
        say: (length) => void connection.write(talk.piece(length)),
        giveWay: () => connection.switchProtocol(new Protocol()),
      });
    const read = async () => {
      for await (const data of connection) {
        talk.hear(data);
        await at("handle() after a read", data);
      }
      return at("handle() after the end");
    };
    const result = at("handle()");
    return result === undefined ? read() : result;
  };
  return {
    plan,
    step(step) {
      if (step === 0) {
        port = reactor.listenTCP(0, handle(handler), { interface: host });
        connector = reactor.connectTCP(host, portOf(port), new Dialling(() => speaker));
      } else if (speaker.connected && speaker.losses === 0) {
        if (step === 1) speaker.transport.write(speaker.talk.piece(700));
        else if (step === 2) speaker.transport.loseWriteConnection();
        else speaker.transport.abortConnection();
      }
    },
    windUp() {
      if (speaker.connected && speaker.losses === 0) speaker.transport.abortConnection();
      // A handler that never ends learns of a reset behind the peer's end only when it writes.
      for (const { connection, closed } of connections) if (!closed) void connection.abort();
      port?.stopListening().addBoth(() => {
        stopped = true;
      });
      // An attempt fails when the handler cuts the connection before the connecting end has seen it.
      return stopped && connector?.state === "disconnected" && connections.every(({ closed }) => closed);
    },
    problems: () =>
      problemsOf(
        plan,
        connector?.state !== "disconnected" && "the other end was not told of its loss",
        speaker.losses > 1 && `the other end was told ${speaker.losses} times of its loss`,
        speaker.talk.misheard && "the other end heard what was not said",
        talk.misheard && "the handler heard what was not said",
        connections.some(({ closed }) => !closed) && "`closed` of its Connection was not fulfilled",
        !stopped && "stopListening() has not fired",
      ),
  };
}

function descriptor(plan: Plan, { reactor, fifo }: Surroundings): Case {
  const fd = openSync(fifo!, constants.O_RDWR | constants.O_NONBLOCK);
  const block = Buffer.alloc(64);
  let ending = false;
  let losses = 0;
  const at = (name: string, otherwise?: unknown) =>
    plan.at(`descriptor ${name}`, { reactor, descriptor: object }, otherwise);
  const object: Descriptor = {
    fileno: () => at("fileno", fd) as number,
    logPrefix: () => at("logPrefix", "a hostile descriptor") as string,
    doRead() {
      readSync(fd, block);
      return at("doRead", ending ? new ConnectionDone() : undefined) as DescriptorEnd;
    },
    doWrite() {
      reactor.removeWriter(object);
      return at("doWrite") as DescriptorEnd;
    },
    ...(plan.place.endsWith("readConnectionLost") ? { readConnectionLost: () => at("readConnectionLost") } : {}),
    connectionLost() {
      losses++;
      at("connectionLost");
    },
  };
  let open = true;
  return {
    plan,
    step(step) {
      try {
        if (step < 2) reactor.addReader(object);
        if (step < 2) reactor.addWriter(object);
      } catch {
        // What fileno() or logPrefix() did.
      }
      ending = step >= 2;
      writeSync(fd, "something to read");
    },
    windUp() {
      if (!open) return true;
      open = false;
      reactor.removeReader(object);
      reactor.removeWriter(object);
      closeSync(fd);
      return true;
    },
    problems: () =>
      problemsOf(plan, reactor.getReaders().includes(object) && "it is still watched", losses > 2 && "lost too often"),
  };
}
