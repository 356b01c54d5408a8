import { describe, expect, expectTypeOf, it } from "vitest";
import {
  Int8StringReceiver,
  Int32StringReceiver,
  NetstringReceiver,
  StatefulStringProtocol,
} from "../../src/entries/protocols/basic.ts";
import { FakeTransport } from "../helpers/fake-transport.ts";
import { turns } from "../helpers/gate.ts";
import { collectLog } from "../helpers/log.ts";

const log = collectLog();

class Login extends StatefulStringProtocol(NetstringReceiver) {
  readonly heard: string[] = [];
  name = "";

  proto_init(name: Buffer): string {
    this.name = name.toString();
    this.heard.push(`init ${name}`);
    return "password";
  }
  proto_password(password: Buffer): string {
    this.heard.push(`password ${password}`);
    return password.toString() === "open" ? "commands" : "done";
  }
  proto_commands(command: Buffer): string | undefined {
    this.heard.push(`${this.name}: ${command}`);
    if (command.toString() === "lost") return "nowhere";
    return command.toString() === "quit" ? "done" : undefined;
  }
}

function start(): { protocol: Login; transport: FakeTransport } {
  const protocol = new Login();
  return { protocol, transport: new FakeTransport().connect(protocol) };
}

describe("StatefulStringProtocol", () => {
  it("starts in the state init, and calls the method of the current state with each string", () => {
    const { protocol, transport } = start();
    expect(protocol.state).toBe("init");
    transport.receive("3:ann,4:open,4:list,");
    expect(protocol.heard).toEqual(["init ann", "password open", "ann: list"]);
    expect(protocol.state).toBe("commands");
  });

  it("stays in a state whose method returns nothing", () => {
    const { protocol, transport } = start();
    transport.receive("3:ann,4:open,1:a,1:b,");
    expect(protocol.state).toBe("commands");
    expect(protocol.heard.slice(2)).toEqual(["ann: a", "ann: b"]);
  });

  it("closes the connection in the state done, and delivers nothing more", () => {
    const { protocol, transport } = start();
    transport.receive("3:ann,4:open,4:quit,4:late,");
    expect(transport.disconnecting).toBe(true);
    expect(protocol.state).toBe("done");
    expect(protocol.heard.at(-1)).toBe("ann: quit");
  });

  it("throws for a method that returns a promise, and ends only its connection when that rejects", async () => {
    class Async extends StatefulStringProtocol(NetstringReceiver) {
      proto_init = (async () => {
        throw new RangeError("no such user");
      }) as never;
    }
    const protocol = new Async();
    const transport = new FakeTransport().connect(protocol);
    expect(() => transport.receive("3:ann,")).toThrow(/^A method of Async .* returned a promise/);
    await turns(1);
    expect([log(), transport.disconnecting]).toEqual([[expect.stringContaining("no such user")], true]);
    expect(protocol.state).toBe("init");
  });

  it("throws for a string in a state without a method", () => {
    const { protocol, transport } = start();
    transport.receive("3:ann,4:open,4:lost,");
    expect(protocol.state).toBe("nowhere");
    expect(() => transport.receive("1:a,")).toThrow(
      expect.objectContaining({
        code: "ERR_SKEIN",
        message: expect.stringMatching(
          /^Login received a string in the state "nowhere", which has no method proto_nowhere/,
        ),
      }),
    );
  });

  it("starts in another state if the class says so", () => {
    class Late extends Login {
      override state = "commands";
    }
    const protocol = new Late();
    new FakeTransport().connect(protocol).receive("1:a,");
    expect(protocol.heard).toEqual([": a"]);
  });

  it("works with every string receiver class, and keeps its members", () => {
    class Counted extends StatefulStringProtocol(Int8StringReceiver) {
      proto_init(string: Buffer): string {
        this.sendString(string);
        return "init";
      }
    }
    const protocol = new Counted();
    const transport = new FakeTransport().connect(protocol);
    transport.receive("\u0002hi\u0001!");
    expect(transport.take()).toBe("\u0002hi\u0001!");
    expect(Counted.borrows).toBe(true);
    expect(protocol).toBeInstanceOf(Int8StringReceiver);
    expect(protocol.logPrefix()).toBe("Counted");
  });

  it("has the types of its base class and of its states", () => {
    const Base = StatefulStringProtocol(Int32StringReceiver);
    type Instance = InstanceType<typeof Base>;
    expectTypeOf<Instance>().toExtend<Int32StringReceiver>();
    expectTypeOf<Instance["state"]>().toEqualTypeOf<string>();
    expectTypeOf(Base.borrows).toEqualTypeOf<boolean>();
    class Numbers extends Base {
      // @ts-expect-error: a state is named by a string
      proto_init(_string: Buffer): number {
        return 1;
      }
    }
    expect(Numbers.name).toBe("Numbers");
  });
});
