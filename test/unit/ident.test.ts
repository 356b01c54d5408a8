import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { endianness, tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, expectTypeOf, it, onTestFinished } from "vitest";
import { Deferred, type Outcome } from "../../src/entries/defer.ts";
import { ConnectionLost } from "../../src/internet/error.ts";
import { procLookup } from "../../src/protocols/ident/proc.ts";
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
import { FakeTransport } from "../helpers/fake-transport.ts";
import { turns } from "../helpers/gate.ts";
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

function serve(server: IdentServer): FakeTransport {
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

  it("closes on a line that is too long", () => {
    const transport = serve(new IdentServer());
    transport.receive("1".repeat(1002));
    expect(transport.disconnecting).toBe(true);
  });
});

describe("a client", () => {
  function connect(): { client: IdentClient; transport: FakeTransport } {
    const client = new IdentClient();
    return { client, transport: new FakeTransport().connect(client) };
  }

  it("fails a query before the connection, and sends those after it", () => {
    const client = new IdentClient();
    errorOf(client.lookup(6193, 23), IdentError);
    const transport = new FakeTransport().connect(client);
    client.lookup(6194, 23);
    expect(transport.take()).toBe("6194, 23\r\n");
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
    ["123, 456 : ERROR : UNKNOWN-ERROR", IdentError],
    ["234, 456 : ERROR : NO-USER", NoUser],
    ["345, 567 :  ERROR : INVALID-PORT", InvalidPort],
    ["567, 789 : ERROR : HIDDEN-USER", HiddenUser],
    ["567, 789 : ERROR : X-NOT-TODAY", IdentError],
    ["567, 789 : ERROR", IdentError],
    ["567, 789 : MAYBE : UNIX : joe", IdentError],
    ["nonsense", IdentError],
    ["", IdentError],
  ])("fails on %j with the error that it stands for", (line, type) => {
    const { client, transport } = connect();
    const answer = client.lookup(1, 2);
    transport.receive(`${line}\r\n`);
    expect(errorOf(answer, IdentError).constructor).toBe(type);
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

  it("logs an unexpected answer", () => {
    connect().transport.receive("1, 2 : USERID : A : one\r\n");
    expect(log().length).toBe(1);
    expect(log()[0]).toContain("1, 2 : USERID : A : one");
  });
});

describe("Linux's table", () => {
  const LITTLE = endianness() === "LE";
  const LOCAL = LITTLE ? "0100007F" : "7F000001";
  const REMOTE = LITTLE ? "04030201" : "01020304";
  const SERVER = { host: "127.0.0.1", port: 25 };
  const CLIENT = { host: "1.2.3.4", port: 762 };

  function files(uid: number): [table: string, users: string] {
    const folder = mkdtempSync(join(tmpdir(), "skein-ident-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const table = join(folder, "tcp");
    const users = join(folder, "passwd");
    writeFileSync(
      table,
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n" +
        `   4: ${LOCAL}:0019 ${REMOTE}:02FA 01 00000000:00000000 00:00000000 00000000  ${uid}        0 10927 1 f72a5b80\n`,
    );
    writeFileSync(users, "root:x:0:0:root:/root:/bin/sh\njoe:x:1000:1000::/home/joe:/bin/sh\n");
    return [table, users];
  }

  it("names the owner of a connection", async () => {
    await expect(procLookup(SERVER, CLIENT, ...files(1000))).resolves.toBe("joe");
  });

  it.each([
    ["another port of the server", { ...SERVER, port: 26 }, CLIENT],
    ["another client", SERVER, { ...CLIENT, host: "1.2.3.5" }],
    ["another port of the client", SERVER, { ...CLIENT, port: 763 }],
  ])("names nobody for %s", async (_what, server, client) => {
    await expect(procLookup(server, client, ...files(0))).rejects.toThrow(NoUser);
  });

  it("rejects with NoUser when the user id of the owner is unknown", async () => {
    await expect(procLookup(SERVER, CLIENT, ...files(4242))).rejects.toThrow(NoUser);
  });

  it.runIf(process.platform === "linux")("is what ProcIdentServer answers by", async () => {
    const transport = serve(new ProcIdentServer());
    transport.receive("1, 2\r\n");
    while (transport.written.length === 0) await turns(1);
    expect(transport.take()).toBe("1, 2 : ERROR : NO-USER\r\n");
  });
});
