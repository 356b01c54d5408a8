/**
 * A hostile program under TLS: whatever its handshakeCompleted(), onClient() and keyLog() throw, return, reject with or call,
 * only their own connection ends, each loss is told once, and the neighbours, over TLS themselves, get every byte.
 */
import { expect, test } from "vitest";
import type { TLSTransport } from "../../../src/internet/interfaces.ts";
import type { EngineReactor } from "../../../src/internet/reactor/engine.ts";
import type { CertificateOptionsInit, ClientTLSOptions } from "../../../src/internet/tls/options.ts";
import { FlowCheck, flow } from "../../helpers/flow.ts";
import { turns } from "../../helpers/gate.ts";
import { between, type Random, seeded } from "../../helpers/random.ts";
import { Client, Server } from "../../helpers/recorder.ts";
import { clientTLS, forEachTLSReactor, pairTLS, Secure, serverTLS } from "../../helpers/secure.ts";
import { seed, volume } from "../../helpers/volume.ts";
import { ownLoopback } from "../../helpers/world.ts";
import { portOf } from "./neighbours.ts";
import { Plan, type Situation, type Way } from "./plan.ts";
import { patiently } from "./rounds.ts";
import { Watch } from "./watch.ts";
import { attempt, type ENDS, ending, LATE, REENTERS, REJECTS, RETURNS, THROWS } from "./ways.ts";

const PLACES = [
  "server handshakeCompleted",
  "client handshakeCompleted",
  "server get handshakeCompleted",
  "client get handshakeCompleted",
  "server onClient",
  "server keyLog",
  "client keyLog",
] as const;
/** Of servers whose program never answers. */
const HANDSHAKE_SECONDS = 0.3;
const SAID = 5000;

/** What TLS adds to a transport. */
const OF_TLS: readonly Way[] = Object.entries({
  "startTLS() of a server": (transport) => transport.startTLS(serverTLS(), { server: true }),
  "startTLS() of a client": (transport) => transport.startTLS(clientTLS(), { server: false }),
  "getTLSInfo()": (transport) => transport.getTLSInfo(),
  negotiatedProtocol: (transport) => transport.negotiatedProtocol,
  "getPeerCertificateChain()": (transport) => transport.getPeerCertificateChain(),
  "exportKeyingMaterial()": (transport) => transport.exportKeyingMaterial(32, "EXPORTER-hostile"),
} satisfies Record<string, (transport: TLSTransport) => unknown>).map(([name, call]) => ({
  name: `call transport ${name}`,
  needs: "transport",
  run({ transport }, otherwise) {
    attempt(() => call(transport as TLSTransport));
    return otherwise;
  },
}));

const one = <T>(random: Random, list: readonly T[]): T => list[between(random, 0, list.length - 1)]!;

function chosen(random: Random, place: string): Plan {
  const ways = Array.from({ length: between(random, 0, 2) }, () => one(random, [...REENTERS, ...OF_TLS]));
  // What a getter returns is no promise to anybody.
  const last = one(random, [THROWS, THROWS, RETURNS, place.includes(" get ") ? THROWS : REJECTS]);
  return new Plan(place, [...ways, one(random, last)]);
}

/** Where an end may misbehave. */
interface Misbehaving {
  readonly plan: Plan;
  at(end: End, place: string, otherwise?: unknown): unknown;
}

/** Of ends that do not. */
const NOBODY: Misbehaving = { plan: new Plan("", []), at: () => undefined };

/** One end; both ends say the same flow. */
class End extends Secure {
  readonly check = new FlowCheck();
  said = 0;

  constructor(line: Misbehaving, side: string) {
    super();
    this.onSecured = () => line.at(this, `${side} handshakeCompleted`);
    if (line.plan.place !== `${side} get handshakeCompleted`) return;
    const own = this.handshakeCompleted.bind(this);
    Object.defineProperty(this, "handshakeCompleted", { get: () => line.at(this, line.plan.place, own) });
  }

  say(length: number): void {
    this.transport.write(flow(length, this.said));
    this.said += length;
  }

  protected override keep(data: Buffer): void {
    this.check.take(data);
  }
}

/** A connection of the hostile program. */
class Line {
  readonly plan: Plan;
  readonly server: Server<End>;
  readonly client: Client<End>;
  readonly #reactor: EngineReactor;
  readonly #port;
  readonly #connector;

  constructor(reactor: EngineReactor, plan: Plan) {
    this.#reactor = reactor;
    this.plan = plan;
    this.server = new Server(() => new End(this, "server"));
    this.client = new Client(() => new End(this, "client"));
    const host = ownLoopback();
    this.#port = reactor.listenSSL(0, this.server, serverTLS(this.#serverOptions()), { interface: host });
    const keyLog: ClientTLSOptions["keyLog"] = () => this.at(this.client.built[0], "client keyLog") as undefined;
    const ofClient = clientTLS(plan.place === "client keyLog" ? { keyLog } : {});
    this.#connector = reactor.connectSSL(host, portOf(this.#port), this.client, ofClient);
  }

  get ends(): End[] {
    return [...this.server.built, ...this.client.built].filter(({ calls }) => calls.length > 0);
  }

  at(end: End | undefined, place: string, otherwise?: unknown): unknown {
    const transport = end?.connected ? end.transport : undefined;
    const situation: Situation = {
      reactor: this.#reactor,
      transport,
      port: this.#port,
      connector: this.#connector,
      say: (length) => end?.say(length),
    };
    return this.plan.at(place, situation, otherwise);
  }

  talk(): void {
    for (const end of this.ends) if (end.losses === 0) end.say(SAID);
  }

  /** Bring to an end what is left. Returns whether nothing is. */
  windUp(): boolean {
    for (const end of this.ends) if (end.losses === 0) end.transport.abortConnection();
    if (this.#connector.state === "connecting") this.#connector.stopConnecting();
    void this.#port.stopListening();
    return this.#connector.state === "disconnected" && this.ends.every(({ losses }) => losses > 0);
  }

  problems(): string[] {
    const found = this.ends.flatMap((end) => {
      if (end.losses !== 1) return [`an end was told ${end.losses} times of its loss`];
      return end.check.firstWrong < 0 ? [] : [`an end heard what was not said, at ${end.check.firstWrong}`];
    });
    return found.map((problem) => `${this.plan.name}: ${problem}`);
  }

  #serverOptions(): CertificateOptionsInit {
    const { place } = this.plan;
    const end = () => this.server.built.at(-1);
    if (place === "server onClient") {
      return { handshakeTimeout: HANDSHAKE_SECONDS, onClient: () => this.at(end(), place, {}) as object };
    }
    return place === "server keyLog" ? { keyLog: () => this.at(end(), place) as undefined } : {};
  }
}

forEachTLSReactor((make, { thorough }) => {
  const ROUNDS = volume({ gate: thorough ? 60 : 15, long: 5000 });
  const TRIES = volume({ gate: thorough ? 30 : 8, long: 1000 });

  test("whatever a program does in its callbacks of TLS, other connections get every byte, and every loss is told once", async () => {
    const reactor = make();
    const random = seeded(seed());
    const neighbours = await pairTLS(reactor, new End(NOBODY, "none"), new End(NOBODY, "none"));
    const watch = new Watch();
    let done = 0;
    try {
      for (let round = 0; round < ROUNDS; round++) {
        const lines = PLACES.map((place) => new Line(reactor, chosen(random, place)));
        for (let step = 0; step < 8; step++) {
          for (const end of neighbours) end.say(between(random, 1, 600));
          await turns(2);
          if (step > 3) for (const line of lines) attempt(() => line.talk());
        }
        await patiently(() => lines.every(({ plan }) => plan.done > 0 || plan.place.includes("client")));
        await patiently(() => lines.map((line) => line.windUp()).every(Boolean));
        await turns(2);
        done += lines.filter(({ plan }) => plan.done > 0).length;
        const problems = [...watch.problems, ...lines.flatMap((line) => line.problems())];
        expect(problems, lines.map(({ plan }) => plan.name).join("\n")).toEqual([]);
      }
      const [a, b] = neighbours;
      await patiently(() => a.arrived.count === b.said && b.arrived.count === a.said);
      expect([a.check.at, a.check.firstWrong, b.check.at, b.check.firstWrong]).toEqual([b.said, -1, a.said, -1]);
      expect([a.losses, b.losses]).toEqual([0, 0]);
      expect(done).toBeGreaterThan(ROUNDS * 3);
      a.transport.loseConnection();
      await b.lost.promise;
      expect(watch.problems).toEqual([]);
    } finally {
      watch.end();
    }
  });

  for (const how of ["stop()", "crash()", "destroy()"] as const satisfies readonly (keyof typeof ENDS)[]) {
    test(`when a callback of TLS calls ${how} and throws, nothing is told twice, and later calls have no effect`, async () => {
      const random = seeded(seed());
      const watch = new Watch();
      try {
        for (let i = 0; i < TRIES; i++) {
          const reactor = make();
          const neighbours = await pairTLS(reactor, new End(NOBODY, "none"), new End(NOBODY, "none"));
          const plan = new Plan(one(random, PLACES), [ending(how), one(random, THROWS)]);
          const line = new Line(reactor, plan);
          await patiently(() => plan.done > 0);
          await turns(2);
          const transports = [...neighbours, ...line.ends].flatMap(({ transport }) => transport ?? []);
          if (how === "stop()") await reactor[Symbol.asyncDispose]();
          else reactor.destroy();
          for (const call of Object.values(LATE)) for (const transport of transports) attempt(() => call(transport));
          await turns(3);
          const losses = [...neighbours, ...line.ends].map((end) => end.losses);
          if (how === "stop()") expect(losses, plan.name).toEqual(losses.map(() => 1));
          else expect(Math.max(...losses), plan.name).toBeLessThanOrEqual(1);
          expect(watch.problems, plan.name).toEqual([]);
        }
      } finally {
        watch.end();
      }
    });
  }
});
