/** Watched descriptors where no kernel is needed: an engine that is told what to answer. */
import { constants } from "node:os";
import { describe, expect, it } from "vitest";
import { MemoryReactor, Simulation } from "../../src/entries/testing.ts";
import { EngineLink } from "../../src/internet/engine/link.ts";
import {
  CannotWatchError,
  ConnectionDone,
  ConnectionFdescWentAway,
  ConnectionLost,
  DescriptorsNotSupportedError,
} from "../../src/internet/error.ts";
import { Failure } from "../../src/internet/failure.ts";
import { FDSet } from "../../src/internet/reactor/fdset.ts";
import { NodeLoop } from "../../src/internet/reactor/loop.ts";
import { Completion, Interest, type NativeEngine } from "../../src/native.ts";
import { close, pipe, Watched } from "../helpers/descriptors.ts";
import { collectLog } from "../helpers/log.ts";

const { EBADF, ENOENT, ENOTSUP } = constants.errno;

/** An engine that notes what it is asked to poll; `tell` is what it reports. */
function scripted(): { fds: FDSet; calls: string[]; answers: number[]; tell: (...records: number[][]) => void } {
  const calls: string[] = [];
  const answers: number[] = [];
  let next = 7;
  const native = {
    poll: (fd: number, interest: number) => {
      calls.push(`poll ${fd} ${interest}`);
      return answers.shift() ?? next++;
    },
    setInterest: (handle: number, interest: number) => {
      calls.push(`setInterest ${handle} ${interest}`);
      return answers.shift() ?? 0;
    },
    abort: (handle: number) => {
      calls.push(`abort ${handle}`);
    },
  };
  let tell: (...records: number[][]) => void = () => undefined;
  const link = new EngineLink(
    ({ completions, dispatch }) => {
      tell = (...records) => {
        completions.set(records.flat());
        dispatch(records.length * 4);
      };
      return native as unknown as NativeEngine;
    },
    new NodeLoop(),
    { records: 8, arenaBytes: 64 },
  );
  return { fds: new FDSet("scripted", link), calls, answers, tell: (...records) => tell(...records) };
}

const ready = (handle: number, what: number) => [Completion.READY, handle, what, 0];

describe("FDSet", () => {
  const logged = collectLog();

  it("registers an object once, and unregisters it once it neither reads nor writes", () => {
    const { fds, calls } = scripted();
    const both = new Watched(1);
    fds.addReader(both);
    fds.addWriter(both);
    fds.removeReader(both);
    fds.addReader(both);
    fds.removeWriter(both);
    fds.removeReader(both);
    expect(calls).toEqual([
      "poll 1 1",
      "setInterest 7 3",
      "setInterest 7 2",
      "setInterest 7 3",
      "setInterest 7 1",
      "abort 7",
    ]);
    fds.addWriter(both);
    expect(calls.at(-1)).toBe("poll 1 2");
  });

  it("calls doRead() before doWrite(), and no doWrite() for an object that doRead() ended", () => {
    const { fds, tell } = scripted();
    const both = new Watched(1);
    const order: string[] = [];
    both.onRead = () => {
      order.push("read");
      return order.length > 2 ? new ConnectionDone() : undefined;
    };
    both.onWrite = () => {
      order.push("write");
      return undefined;
    };
    fds.addReader(both);
    fds.addWriter(both);
    tell(ready(7, Interest.READ | Interest.WRITE));
    tell(ready(7, Interest.READ | Interest.WRITE));
    expect(order).toEqual(["read", "write", "read"]);
    expect(both.losses).toHaveLength(1);
  });

  it("ignores an event for an object that was removed in the same batch", () => {
    const { fds, tell } = scripted();
    const [one, two] = [new Watched(1), new Watched(2)];
    one.onRead = () => fds.removeReader(two);
    two.onRead = () => undefined;
    fds.addReader(one);
    fds.addReader(two);
    tell(ready(7, Interest.READ), ready(8, Interest.READ), ready(7, Interest.WRITE));
    expect([one.reads, two.reads, one.writes]).toEqual([1, 0, 0]);
  });

  it("ends a reader with ConnectionDone and a writer with ConnectionLost on a hangup with nothing to read", () => {
    const { fds, tell } = scripted();
    const [reading, writing] = pipe();
    const [reader, writer] = [new Watched(reading), new Watched(writing)];
    fds.addReader(reader);
    fds.addWriter(writer);
    tell(ready(7, Interest.HANGUP), ready(8, Interest.HANGUP | Interest.WRITE));
    expect(reader.losses).toEqual([expect.any(ConnectionDone)]);
    expect(writer.losses).toEqual([expect.any(ConnectionLost)]);
    expect([reader.reads, writer.writes]).toEqual([0, 0]);
  });

  it("distinguishes a hangup from a descriptor that is not open", () => {
    const { fds, tell } = scripted();
    const [reading] = pipe();
    const reader = new Watched(reading);
    fds.addReader(reader);
    close(reading);
    tell(ready(7, Interest.HANGUP));
    expect(reader.losses).toEqual([expect.any(ConnectionFdescWentAway)]);
    expect(String(reader.losses[0])).toContain(`Descriptor ${reading} was closed while it was watched`);
  });

  it("ends an object whose descriptor number was reused, and watches the new one", () => {
    const { fds, calls } = scripted();
    const [old, fresh] = [new Watched(1), new Watched(1)];
    fds.addReader(old);
    old.fd = -1;
    fds.addReader(fresh);
    expect(old.losses).toEqual([expect.any(ConnectionFdescWentAway)]);
    expect(calls).toEqual(["poll 1 1", "abort 7", "poll 1 1"]);
    expect(fds.getReaders()).toEqual([fresh]);
  });

  it("does not call doRead() of an object whose fileno() has changed", () => {
    const { fds, tell } = scripted();
    const reader = new Watched(1);
    fds.addReader(reader);
    reader.fd = 2;
    tell(ready(7, Interest.READ));
    expect([reader.reads, reader.losses]).toEqual([0, [expect.any(ConnectionFdescWentAway)]]);
  });

  it("ends an object whose registration cannot be changed", () => {
    const { fds, calls, answers } = scripted();
    const both = new Watched(1);
    fds.addReader(both);
    answers.push(-ENOENT);
    expect(() => fds.addWriter(both)).toThrow(CannotWatchError);
    expect([fds.getReaders(), fds.getWriters(), calls.at(-1)]).toEqual([[], [], "abort 7"]);
  });

  it("ends an object when the engine unregisters its descriptor", () => {
    const { fds, tell } = scripted();
    const reader = new Watched(1);
    fds.addReader(reader);
    tell([Completion.CLOSED, 7, EBADF, 2]);
    expect(reader.losses).toEqual([expect.any(CannotWatchError)]);
    expect(reader.losses[0]).toMatchObject({ osError: "EBADF", fd: 1 });
  });

  it("keeps no reference to a refused object", () => {
    const { fds, answers } = scripted();
    const reader = new Watched(1);
    answers.push(-ENOTSUP);
    expect(() => fds.addReader(reader)).toThrow(DescriptorsNotSupportedError);
    expect(fds.getReaders()).toEqual([]);
    fds.addReader(reader);
    expect(fds.getReaders()).toEqual([reader]);
  });

  it("logs a thrown value that is not an Error, and ends the object with it", () => {
    const { fds, tell } = scripted();
    const writer = new Watched(1);
    writer.onWrite = () => {
      throw "a string";
    };
    fds.addWriter(writer);
    tell(ready(7, Interest.WRITE));
    expect(writer.losses).toEqual(["a string"]);
    expect(logged()).toEqual(["a watched descriptor: doWrite() failed: a string"]);
  });

  it("names fileno() when that throws, before a call and behind it", () => {
    for (const good of [0, 1]) {
      const { fds, tell } = scripted();
      const reader = new Watched(1);
      fds.addReader(reader);
      reader.doRead = () => undefined;
      let calls = 0;
      reader.fileno = () => {
        if (calls++ === good) throw "a string";
        return 1;
      };
      tell(ready(7, Interest.READ));
    }
    expect(logged()).toEqual(Array(2).fill("a watched descriptor: fileno() failed: a string"));
  });

  it("ends every object when the reactor ends, once", () => {
    const { fds } = scripted();
    const [one, two] = [new Watched(1), new Watched(2)];
    fds.addReader(one);
    fds.addWriter(one);
    fds.addWriter(two);
    const reason = new Failure(new ConnectionLost());
    fds.disconnectAll(() => reason);
    fds.disconnectAll(() => reason);
    expect([one.losses, two.losses]).toEqual([[reason.value], [reason.value]]);
  });
});

describe("reactors without descriptors", () => {
  it("the simulated one says which reactors watch descriptors", () => {
    const reactor = new Simulation({ seed: 1 }).host("a").reactor;
    const add = () => reactor.addReader(new Watched(1));
    expect(add).toThrow(DescriptorsNotSupportedError);
    expect(add).toThrow(/^The simulated reactor cannot watch descriptors\. Choose one that can: .*poll, select/);
  });

  it("the memory reactor records them", () => {
    const reactor = new MemoryReactor();
    const [one, two] = [new Watched(1), new Watched(2)];
    reactor.addReader(one);
    reactor.addReader(one);
    reactor.addWriter(one);
    reactor.addWriter(two);
    expect([reactor.getReaders(), reactor.getWriters()]).toEqual([[one], [one, two]]);
    reactor.removeWriter(one);
    reactor.removeReader(two);
    expect(reactor.removeAll()).toEqual([one, two]);
    expect([reactor.getReaders(), reactor.getWriters()]).toEqual([[], []]);
  });
});
