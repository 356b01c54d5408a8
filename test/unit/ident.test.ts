import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { endianness, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, expectTypeOf, it, onTestFinished } from "vitest";
import { Deferred, type Outcome } from "../../src/entries/defer.ts";
import { ConnectionClosed, ConnectionLost, NoClockError, TimeoutError } from "../../src/internet/error.ts";
import { REFUSALS_SECONDS } from "../../src/logger/refusals.ts";
import { ConnectionOwners } from "../../src/protocols/ident/proc.ts";
import { Snapshot } from "../../src/protocols/ident/snapshot.ts";
import {
  HiddenUser,
  type IdentAddress,
  IdentClient,
  IdentError,
  type Identity,
  IdentServer,
  InvalidPort,
  NoUser,
  ProcIdentServer,
} from "../../src/protocols/ident.ts";
import { Clock } from "../../src/testing/clock.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";
import { Gate, turns } from "../helpers/gate.ts";
import { HOSTILE_VALUES } from "../helpers/hostilevalues.ts";
import { collectLog } from "../helpers/log.ts";
import { errorOf, watch } from "../helpers/outcome.ts";

const log = collectLog();

/** Answers by a function. */
class Answering extends IdentServer {
  readonly #answer: (server: IdentAddress, client: IdentAddress) => Outcome<Identity>;

  constructor(answer: (server: IdentAddress, client: IdentAddress) => Outcome<Identity>) {
    super();
    this.#answer = answer;
  }

  override lookup(server: IdentAddress, client: IdentAddress): Outcome<Identity> {
    return this.#answer(server, client);
  }
}

function serve(server: IdentServer, clock = new Clock()): FakeTransport {
  server.clock = clock;
  return new FakeTransport().connect(server);
}

describe("a server", () => {
  it("answers UNKNOWN-ERROR until lookup() is overridden", () => {
    const transport = serve(new IdentServer());
    transport.receive("123, 345\r\n");
    expect(transport.take()).toBe("123, 345 : ERROR : UNKNOWN-ERROR\r\n");
  });

  it.each([
    [new IdentError(), "UNKNOWN-ERROR"],
    [new NoUser(), "NO-USER"],
    [new InvalidPort(), "INVALID-PORT"],
    [new HiddenUser(), "HIDDEN-USER"],
  ])("tells %s as %s, and logs nothing", (error, word) => {
    const transport = serve(
      new Answering(() => {
        throw error;
      }),
    );
    transport.receive("432, 210\r\n");
    expect(transport.take()).toBe(`432, 210 : ERROR : ${word}\r\n`);
    expect(log()).toEqual([]);
  });

  it.each(Object.entries(HOSTILE_VALUES))("answers UNKNOWN-ERROR when lookup() throws %s", (_name, hostile) => {
    const transport = serve(
      new Answering(() => {
        throw hostile();
      }),
    );
    transport.receive("987, 789\r\n");
    expect(transport.take()).toBe("987, 789 : ERROR : UNKNOWN-ERROR\r\n");
  });

  it("logs any other error, and answers UNKNOWN-ERROR", () => {
    const transport = serve(
      new Answering(() => {
        throw new RangeError("oops");
      }),
    );
    transport.receive("987, 789\r\n");
    expect(transport.take()).toBe("987, 789 : ERROR : UNKNOWN-ERROR\r\n");
    expect(log()).toEqual(["An ident lookup failed: RangeError: oops"]);
  });

  it("logs that lookups fail once a minute at most, with the number of the others", () => {
    const clock = new Clock();
    const failing = () =>
      serve(
        new Answering(() => {
          throw new RangeError("oops");
        }),
        clock,
      );
    for (let i = 0; i < 10; i++) failing().receive("987, 789\r\n1, 2\r\n");
    clock.advance(REFUSALS_SECONDS);
    failing().receive("987, 789\r\n");
    expect(log()).toEqual([
      "An ident lookup failed: RangeError: oops",
      "An ident lookup failed (19 more like it since the last such line): RangeError: oops",
    ]);
  });

  it.each([-1, 0, 65_536, 65_537])("answers the port %i with INVALID-PORT, local or remote", (port) => {
    const transport = serve(new Answering(() => ["UNIX", "root"]));
    transport.receive(`${port}, 5\r\n5, ${port}\r\n`);
    expect(transport.take()).toBe(`${port}, 5 : ERROR : INVALID-PORT\r\n5, ${port} : ERROR : INVALID-PORT\r\n`);
  });

  it("answers with the system and the user", () => {
    const transport = serve(new Answering(() => ["SYS", "USER"]));
    transport.receive("123, 456\r\n");
    expect(transport.take()).toBe("123, 456 : USERID : SYS : USER\r\n");
  });

  it.each(["123,456\r\n", "  123 ,\t456  \r\n", "123, 456\n"])("reads %j as a query", (query) => {
    const transport = serve(new Answering(() => ["SYS", "USER"]));
    transport.receive(query);
    expect(transport.take()).toBe("123, 456 : USERID : SYS : USER\r\n");
  });

  it.each(["hello\r\n", "1\r\n", "1, 2, 3\r\n", "1.5, 2\r\n", ",\r\n", "\r\n"])("closes on %j", (query) => {
    const transport = serve(new Answering(() => ["SYS", "USER"]));
    transport.receive(query);
    expect([transport.take(), transport.disconnecting]).toEqual(["", true]);
  });

  it("looks up with the addresses of the connection and the ports of the query", () => {
    const asked: unknown[] = [];
    serve(
      new Answering((...addresses) => {
        asked.push(addresses);
        return ["SYS", "USER"];
      }),
    ).receive("113, 6667\r\n");
    expect(asked).toEqual([
      [
        { host: "192.0.2.2", port: 113 },
        { host: "192.0.2.1", port: 6667 },
      ],
    ]);
  });

  it("answers one query after the other, and pauses reading meanwhile", () => {
    const answers: Deferred<Identity>[] = [];
    const transport = serve(
      new Answering(() => {
        answers.push(new Deferred<Identity>());
        return answers.at(-1)!;
      }),
    );
    transport.receive("1, 2\r\n3, 4\r\n");
    expect([answers.length, transport.paused]).toEqual([1, true]);
    answers[0]!.callback(["A", "first"]);
    expect([answers.length, transport.paused]).toEqual([2, true]);
    answers[1]!.errback(new HiddenUser());
    expect(transport.paused).toBe(false);
    expect(transport.take()).toBe("1, 2 : USERID : A : first\r\n3, 4 : ERROR : HIDDEN-USER\r\n");
  });

  it("starts no lookup once the client is lost", () => {
    const answers: Deferred<Identity>[] = [];
    const transport = serve(
      new Answering(() => {
        answers.push(new Deferred<Identity>());
        return answers.at(-1)!;
      }),
    );
    transport.receive("1, 2\r\n".repeat(1000));
    transport.lose(new ConnectionLost());
    answers[0]!.callback(["A", "first"]);
    expect(answers.length).toBe(1);
  });

  it.each([
    ["SYS", "a\r\n1, 2 : USERID : SYS : forged"],
    ["S\nYS", "user"],
    ["SYS", "a\0b"],
    ["SYS", "x".repeat(513)],
  ])("never writes the system %j and the user %j, which would break the line", (...identity) => {
    const transport = serve(new Answering(() => identity));
    transport.receive("1, 2\r\n");
    expect(transport.take()).toBe("1, 2 : ERROR : UNKNOWN-ERROR\r\n");
    expect(log().length).toBe(1);
  });

  it("closes after 100 answers, and leaves the rest of the queries unread", () => {
    let asked = 0;
    const transport = serve(
      new Answering(() => {
        asked++;
        return ["SYS", "USER"];
      }),
    );
    transport.receive("1, 2\n".repeat(10_000));
    expect([asked, transport.disconnecting]).toEqual([100, true]);
    expect(transport.take().split("\r\n").length).toBe(101);
  });

  it("closes when no complete query came for 60 seconds, however its bytes trickle in", () => {
    const clock = new Clock();
    const transport = serve(new Answering(() => ["SYS", "USER"]), clock);
    clock.advance(59);
    transport.receive("1, 2\r\n");
    for (let i = 0; i < 59; i++) {
      clock.advance(1);
      transport.receive(" ");
    }
    expect(transport.aborted).toBe(false);
    clock.advance(1);
    expect(transport.aborted).toBe(true);
  });

  it("closes when an answer is not found for 60 seconds, and has no timer afterwards", () => {
    const clock = new Clock();
    const transport = serve(new Answering(() => new Deferred<Identity>()), clock);
    transport.receive("1, 2\r\n");
    clock.advance(60);
    expect(transport.aborted).toBe(true);
    transport.lose();
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("cannot be connected without a clock, unless it has no timeout", () => {
    expect(() => new FakeTransport().connect(new IdentServer())).toThrow(NoClockError);
    const patient = new IdentServer();
    patient.idleTimeOut = null;
    expect(() => new FakeTransport().connect(patient)).not.toThrow();
  });

  it("closes on a line that is too long", () => {
    const transport = serve(new IdentServer());
    transport.receive("1".repeat(1002));
    expect(transport.disconnecting).toBe(true);
  });
});

describe("a client", () => {
  function made(clock = new Clock()): IdentClient {
    const client = new IdentClient();
    client.clock = clock;
    return client;
  }

  function connect(clock = new Clock()): { client: IdentClient; transport: FakeTransport } {
    const client = made(clock);
    return { client, transport: new FakeTransport().connect(client) };
  }

  it("fails a query before the connection, and sends those after it", () => {
    const client = made();
    errorOf(client.lookup(6193, 23), IdentError);
    const transport = new FakeTransport().connect(client);
    client.lookup(6194, 23);
    expect(transport.take()).toBe("6194, 23\r\n");
  });

  it("logs lines of servers that were not asked once a minute at most", () => {
    const clock = new Clock();
    const one = (): void => {
      const { transport } = connect(clock);
      transport.receive("1, 2 : USERID : UNIX : joe\r\n");
      expect(transport.aborted).toBe(true);
    };
    for (let i = 0; i < 10; i++) one();
    clock.advance(REFUSALS_SECONDS);
    one();
    expect(log()).toEqual([
      expect.stringMatching(/no reply is outstanding: .* The connection is closed$/),
      expect.stringMatching(/no reply is outstanding: .* \(9 more like it since the last such line\)$/),
    ]);
  });

  it("sends the ports, and fires with the system and the user", () => {
    const { client, transport } = connect();
    const answer = client.lookup(6193, 23);
    expectTypeOf(answer).toEqualTypeOf<Deferred<Identity>>();
    expect(transport.take()).toBe("6193, 23\r\n");
    const seen = watch(answer);
    transport.receive("6193, 23 : USERID : UNIX : stjohns\r\n");
    expect(seen).toEqual([["UNIX", "stjohns"]]);
  });

  it.each([
    ["1, 2 : USERID : OTHER : a:b : c\r\n", ["OTHER", "a:b : c"]],
    ["1,2:USERID:UNIX,US-ASCII:joe\n", ["UNIX,US-ASCII", "joe"]],
    ["  1 , 2 : USERID:UNIX :\r\n", ["UNIX", ""]],
  ])("reads %j", (line, identity) => {
    const { client, transport } = connect();
    const seen = watch(client.lookup(1, 2));
    transport.receive(line);
    expect(seen).toEqual([identity]);
  });

  it.each([
    ["1, 2 : ERROR : UNKNOWN-ERROR", IdentError],
    ["1, 2 : ERROR : NO-USER", NoUser],
    ["1,2 :  ERROR : INVALID-PORT", InvalidPort],
    ["1, 2 : ERROR : HIDDEN-USER", HiddenUser],
    ["1, 2 : ERROR : X-NOT-TODAY", IdentError],
    ["1, 2 : ERROR", IdentError],
    ["1, 2 :", IdentError],
    ["1, 2 : MAYBE : UNIX : joe", IdentError],
  ])("fails on %j with the error that it stands for", (line, type) => {
    const { client, transport } = connect();
    const answer = client.lookup(1, 2);
    transport.receive(`${line}\r\n`);
    expect(errorOf(answer, IdentError).constructor).toBe(type);
    expect(transport.aborted).toBe(false);
  });

  it.each([
    "9, 9 : USERID : UNIX : root",
    "2, 1 : USERID : UNIX : root",
    "1, 22 : USERID : UNIX : root",
    "1.5, 2 : USERID : UNIX : root",
    "-1, 2 : USERID : UNIX : root",
    "1, 2, 3 : USERID : UNIX : root",
    "3, 4 : ERROR : NO-USER",
    ": USERID : UNIX : root",
    "nonsense",
    "",
  ])("fails on %j, which is not about the ports of the query, and closes", (line) => {
    const { client, transport } = connect();
    const answer = client.lookup(1, 2).addErrback((failure) => {
      errorOf(client.lookup(5, 6), IdentError);
      return failure;
    });
    const next = client.lookup(3, 4);
    transport.take();
    transport.receive(`${line}\r\n3, 4 : USERID : UNIX : root\r\n`);
    expect(errorOf(answer, IdentError).constructor).toBe(IdentError);
    expect(errorOf(next, IdentError).cause).toBeInstanceOf(ConnectionClosed);
    expect([transport.take(), transport.aborted]).toEqual(["", true]);
  });

  it("keeps the token of an unknown error", () => {
    const { client, transport } = connect();
    const answer = client.lookup(1, 2);
    transport.receive("1, 2 : ERROR : X-NOT-TODAY\r\n");
    expect(errorOf(answer, IdentError).message).toContain("X-NOT-TODAY");
  });

  it("sends queries one after the other, in the order of the calls", () => {
    const { client, transport } = connect();
    const seen = [client.lookup(1, 2), client.lookup(3, 4), client.lookup(5, 6)].map((answer) => watch(answer));
    expect(transport.take()).toBe("1, 2\r\n");
    transport.receive("1, 2 : USERID : A : one\r\n");
    expect(transport.take()).toBe("3, 4\r\n");
    transport.receive("3, 4 : USERID : A : two\r\n");
    transport.receive("5, 6 : USERID : A : three\r\n");
    expect(seen).toEqual([[["A", "one"]], [["A", "two"]], [["A", "three"]]]);
  });

  it("accepts a new query in a callback of an answer", () => {
    const { client, transport } = connect();
    client.lookup(1, 2).addCallback(() => void client.lookup(3, 4));
    transport.take();
    transport.receive("1, 2 : USERID : A : one\r\n");
    expect(transport.take()).toBe("3, 4\r\n");
  });

  it("fails every query when the connection is lost, with the reason", () => {
    const { client, transport } = connect();
    const answers = [client.lookup(765, 432), client.lookup(766, 433)];
    transport.lose(new ConnectionLost());
    for (const answer of answers) expect(errorOf(answer, IdentError).cause).toBeInstanceOf(ConnectionLost);
  });

  it("fails a query after the loss at once", () => {
    const { client, transport } = connect();
    transport.lose();
    errorOf(client.lookup(1, 2), IdentError);
  });

  it("closes when it gets an answer that it did not ask for, and logs the first", () => {
    const { transport } = connect();
    transport.receive("1, 2 : USERID : A : \u001b[31mone\r\n".repeat(1000));
    expect([log().length, transport.aborted]).toEqual([1, true]);
    expect(log()[0]).toContain('"1, 2 : USERID : A : \\x1b[31mone\\r"');
  });

  it.each([
    "1, 2 : ERROR : \u001b]0;owned\u0007\u009b31m\u2028\u202e",
    "\u001b]0;owned\u0007\u009b31m\u2028\u202e",
    "x".repeat(999),
  ])("quotes %j without control characters, and not all of it", (line) => {
    const { client, transport } = connect();
    const answer = client.lookup(1, 2);
    transport.receive(`${line}\r\n`);
    const { message } = errorOf(answer, IdentError);
    expect(message).toMatch(/^[\x20-\x7e…]*$/);
    expect(message.length).toBeLessThan(400);
  });

  it("gives each query 60 seconds from when it was sent, however the reply trickles in, then fails them all", () => {
    const clock = new Clock();
    const { client, transport } = connect(clock);
    const seen = watch(client.lookup(1, 2));
    const others = [client.lookup(3, 4), client.lookup(5, 6)];
    clock.advance(59);
    transport.receive("1, 2 : USERID : A : one\r\n");
    expect(seen).toEqual([["A", "one"]]);
    for (let i = 0; i < 60; i++) {
      transport.receive("3");
      clock.advance(1);
    }
    expect(transport.aborted).toBe(true);
    for (const answer of others) expect(errorOf(answer, IdentError).cause).toBeInstanceOf(TimeoutError);
    errorOf(client.lookup(1, 2), IdentError);
    transport.lose();
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("has no timer while nothing is asked", () => {
    const clock = new Clock();
    const { client, transport } = connect(clock);
    expect(clock.getDelayedCalls()).toEqual([]);
    watch(client.lookup(1, 2));
    expect(clock.getDelayedCalls().length).toBe(1);
    transport.receive("1, 2 : USERID : A : one\r\n");
    expect(clock.getDelayedCalls()).toEqual([]);
  });

  it("lets 1024 queries wait, and fails one more", () => {
    const { client, transport } = connect();
    for (let i = 0; i < 1024; i++) watch(client.lookup(1, 2));
    expect(errorOf(client.lookup(1, 2), IdentError).message).toContain("1024 queries wait");
    transport.receive("1, 2 : USERID : A : one\r\n");
    expect(watch(client.lookup(1, 2))).toEqual([]);
  });

  it.each([-1, 65_536, 1.5, Number.NaN, "1", "1\r\n2", null, undefined])("refuses the port %j", (port) => {
    const { client, transport } = connect();
    for (const ports of [
      [port, 2],
      [2, port],
    ] as [number, number][]) {
      expect(() => client.lookup(...ports)).toThrow(
        /lookup\(portOnServer, portOnClient\): portOn(Server|Client) must be/,
      );
    }
    expect(transport.take()).toBe("");
  });
});

describe("Linux's tables", () => {
  const LITTLE = endianness() === "LE";
  /** As the kernel writes an address: each four bytes as a number in host byte order. */
  const hex = (...words: string[]) =>
    words.map((word) => (LITTLE ? word.match(/../g)!.reverse().join("") : word)).join("");
  const LOCAL = hex("7F000001");
  const REMOTE = hex("01020304");
  const SERVER = { host: "127.0.0.1", port: 25 };
  const CLIENT = { host: "1.2.3.4", port: 762 };
  const MAPPED = ["00000000", "00000000", "0000FFFF"] as const;

  interface Row {
    readonly local?: string;
    readonly remote?: string;
    readonly state?: string;
    readonly uid?: number;
    readonly inode?: number;
  }

  const HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

  function row({ local = `${LOCAL}:0019`, remote = `${REMOTE}:02FA`, state = "01", uid = 1000, inode = 10_927 }: Row) {
    return `   4: ${local} ${remote} ${state} 00000000:00000000 00:00000000 00000000  ${uid}        0 ${inode} 1 f72a5b80\n`;
  }

  /** Files of a system in which the test may write. */
  class System {
    readonly clock = new Clock();
    readonly #folder = mkdtempSync(join(tmpdir(), "skein-ident-"));
    readonly files = { tcp: this.path("tcp"), tcp6: this.path("tcp6"), users: this.path("passwd") };
    readonly owners: ConnectionOwners;

    constructor(rows: readonly Row[] = [{}], most?: number) {
      onTestFinished(() => rmSync(this.#folder, { recursive: true }));
      this.write(rows);
      writeFileSync(this.files.users, "root:x:0:0:root:/root:/bin/sh\n:x:7::\n\njoe:x:1000:1000::/home/joe:/bin/sh\n");
      this.owners = new ConnectionOwners(this.clock, this.files, most);
    }

    path(name: string): string {
      return join(this.#folder, name);
    }

    write(rows: readonly Row[], file: "tcp" | "tcp6" = "tcp"): void {
      writeFileSync(this.files[file], HEAD + rows.map(row).join(""));
    }

    ask(server: IdentAddress = SERVER, client: IdentAddress = CLIENT): Promise<string> {
      return this.owners.nameOf(server, client);
    }
  }

  it("name the owner of a connection", async () => {
    await expect(new System().ask()).resolves.toBe("joe");
  });

  it.each([
    ["another port of the server", { ...SERVER, port: 26 }, CLIENT],
    ["another address of the server", { ...SERVER, host: "127.0.0.2" }, CLIENT],
    ["another client", SERVER, { ...CLIENT, host: "1.2.3.5" }],
    ["another port of the client", SERVER, { ...CLIENT, port: 763 }],
    ["a path for an address", { host: "/tmp/socket", port: 25 }, CLIENT],
    ["addresses of two kinds", { host: "::1", port: 25 }, CLIENT],
  ])("name nobody for %s", async (_what, server, client) => {
    await expect(new System().ask(server, client)).rejects.toThrow(NoUser);
  });

  it.each(["02", "03", "04", "05", "06", "07", "08", "09", "0A", "0B", "0C"])(
    "name nobody for a connection in the state %s, whose user is root",
    async (state) => {
      await expect(new System([{ state, uid: 0 }]).ask()).rejects.toThrow(NoUser);
    },
  );

  it("name nobody for a connection that no program has accepted, whose user is root", async () => {
    await expect(new System([{ uid: 0, inode: 0 }]).ask()).rejects.toThrow(NoUser);
  });

  it("name the owner of a connection over IPv6, also of IPv4 on a socket of IPv6", async () => {
    const system = new System([]);
    system.write(
      [
        {
          local: `${hex("20010DB8", "00000000", "00000000", "00000001")}:0019`,
          remote: `${hex("FE800000", "00000000", "A1B2C3D4", "E5F60708")}:02FA`,
        },
        { local: `${hex(...MAPPED, "7F000001")}:0019`, remote: `${hex(...MAPPED, "01020304")}:02FA`, uid: 0 },
      ],
      "tcp6",
    );
    const server = { host: "2001:db8::1", port: 25 };
    const client = { host: "fe80::a1b2:c3d4:e5f6:708%eth0", port: 762 };
    await expect(system.ask(server, client)).resolves.toBe("joe");
    await expect(system.ask()).resolves.toBe("root");
    await expect(
      system.ask({ ...SERVER, host: "::ffff:127.0.0.1" }, { ...CLIENT, host: "::ffff:1.2.3.4" }),
    ).resolves.toBe("root");
  });

  it("name nobody when the user id of the owner is unknown", async () => {
    for (const uid of [4242, 7]) await expect(new System([{ uid }]).ask()).rejects.toThrow(NoUser);
  });

  it("are read once a second, and again for a connection that was not there yet", async () => {
    const system = new System();
    await system.ask();
    system.write([{ remote: `${REMOTE}:02FB` }]);
    system.clock.advance(0.5);
    await expect(system.ask()).resolves.toBe("joe"); // as it was half a second ago
    const later = system.ask(SERVER, { ...CLIENT, port: 763 });
    await turns(5);
    system.clock.advance(0.5);
    await expect(later).resolves.toBe("joe");
    await expect(system.ask(SERVER, { ...CLIENT, port: 764 })).rejects.toThrow(NoUser);
  });

  it("are not read beyond a bound, and then the answer is unknown", async () => {
    const system = new System([...new Array<Row>(100).fill({ remote: `${REMOTE}:0001` }), {}], 4096);
    await expect(system.ask()).rejects.toThrow("too long");
    await expect(system.ask(SERVER, { ...CLIENT, port: 1 })).resolves.toBe("joe");
  });

  it("that cannot be read are logged once, not for each query", async () => {
    const system = new System();
    rmSync(system.files.tcp);
    for (let i = 0; i < 5; i++) {
      await expect(system.ask()).rejects.toThrow(IdentError);
      system.clock.advance(1);
    }
    expect(log()).toEqual([expect.stringMatching(/^The owners of connections cannot be looked up: .*ENOENT/)]);
  });

  it("that can be read now and then are logged once a minute at most", async () => {
    const system = new System();
    for (let i = 0; i < 5; i++) {
      rmSync(system.files.tcp);
      await expect(system.ask()).rejects.toThrow(IdentError);
      system.clock.advance(1);
      system.write([{}]);
      await expect(system.ask()).resolves.toBe("joe");
      system.clock.advance(1);
    }
    rmSync(system.files.tcp);
    system.clock.advance(REFUSALS_SECONDS);
    await expect(system.ask()).rejects.toThrow(IdentError);
    expect(log()).toEqual([
      expect.stringMatching(/^The owners of connections cannot be looked up: /),
      expect.stringMatching(/^The owners of connections cannot be looked up \(4 more like it/),
    ]);
  });

  it.runIf(process.platform === "linux")("are what ProcIdentServer answers by", async () => {
    const transport = serve(new ProcIdentServer());
    transport.receive("1, 2\r\n");
    while (transport.written.length === 0) await turns(1);
    expect(transport.take()).toBe("1, 2 : ERROR : NO-USER\r\n");
  });
});

describe("a snapshot", () => {
  function reading() {
    const clock = new Clock();
    let begun = 0;
    const gates: Gate<number>[] = [];
    const snapshot = new Snapshot(clock, () => {
      begun++;
      gates.push(new Gate<number>());
      return gates.at(-1)!.promise;
    });
    return { clock, snapshot, gates, begun: () => begun };
  }

  it("begins one reading for all who ask within a second", async () => {
    const { clock, snapshot, gates, begun } = reading();
    const asked = [snapshot.latest(), snapshot.latest()];
    gates[0]!.open(7);
    await turns(1);
    clock.advance(0.9);
    asked.push(snapshot.latest());
    expect(begun()).toBe(1);
    expect(await Promise.all(asked)).toEqual(new Array(3).fill({ value: 7, began: 0 }));
    clock.advance(0.1);
    void snapshot.latest();
    expect(begun()).toBe(2);
  });

  it("begins one more for all who need a later one, when the second is over", async () => {
    const { clock, snapshot, gates, begun } = reading();
    void snapshot.latest();
    gates[0]!.open(7);
    await turns(1);
    clock.advance(0.3);
    const asked = Array.from({ length: 1000 }, () => snapshot.next());
    await turns(1);
    expect([begun(), clock.getDelayedCalls().length]).toEqual([1, 1]);
    clock.advance(0.7);
    await turns(1);
    expect(begun()).toBe(2);
    gates[1]!.open(8);
    expect(new Set((await Promise.all(asked)).map(({ value }) => value))).toEqual(new Set([8]));
    clock.advance(5);
    void snapshot.next();
    expect(begun()).toBe(3);
  });

  it.each([
    [0.05, 1],
    [0.5, 5],
    [2, 20],
    [60, 30],
  ])("that took %s s to read is read again after %s s, and never twice at once", async (took, period) => {
    const { clock, snapshot, gates, begun } = reading();
    const asked = [snapshot.latest()];
    clock.advance(took);
    asked.push(snapshot.latest());
    const later = snapshot.next();
    await turns(1);
    expect(begun()).toBe(1);
    gates[0]!.open(7);
    expect((await Promise.all(asked)).map(({ value }) => value)).toEqual([7, 7]);
    await turns(1);
    if (took < period) {
      clock.advance(period - took - 0.01);
      void snapshot.latest();
      await turns(1);
      expect(begun()).toBe(1);
      clock.advance(0.01);
      await turns(1);
    }
    expect(begun()).toBe(2);
    gates[1]!.open(8);
    expect((await later).value).toBe(8);
  });

  it("that cannot be read is tried again after a second", async () => {
    const clock = new Clock();
    const snapshot = new Snapshot(clock, () => Promise.reject(new Error("no")));
    await expect(snapshot.latest()).rejects.toThrow("no");
    const later = snapshot.next();
    void later.catch(() => {});
    await turns(1);
    clock.advance(1);
    await expect(later).rejects.toThrow("no");
  });
});
