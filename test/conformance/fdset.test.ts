/** Descriptors of the program's own: addReader(), addWriter() and what belongs to them. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants, mkdtempSync, readSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  CannotWatchError,
  ConnectionDone,
  ConnectionFdescWentAway,
  ConnectionLost,
  DescriptorsNotSupportedError,
} from "../../src/internet/error.ts";
import { backendNamed } from "../../src/internet/reactor/backends.ts";
import { close, fill, openFile, pipe, Watched } from "../helpers/descriptors.ts";
import { turns } from "../helpers/gate.ts";
import { HOSTILE_VALUES } from "../helpers/hostilevalues.ts";
import { forEachReactor, takeLog } from "../helpers/reactors.ts";

forEachReactor((make, { reactor: name }) => {
  if (!backendNamed(name)?.watchesDescriptors) {
    test("a reactor that cannot watch descriptors says which ones can", () => {
      const reactor = make();
      for (const add of [() => reactor.addReader(new Watched(0)), () => reactor.addWriter(new Watched(0))]) {
        expect(add).toThrow(DescriptorsNotSupportedError);
        expect(add).toThrow(process.platform === "win32" ? /None of this platform can/ : /as in SKEIN_REACTOR=[ek]/);
      }
      expect(reactor.getReaders()).toEqual([]);
    });
    return;
  }

  test("doRead() is called when there is something to read, and not while there is nothing", async () => {
    const reactor = make();
    const [reading, writing] = pipe();
    const reader = new Watched(reading);
    reactor.addReader(reader);
    await turns(20);
    expect(reader.reads).toBe(0);
    writeSync(writing, "one");
    await reader.arrived.reaches(3);
    await turns(20);
    expect(reader.reads).toBe(1);
    writeSync(writing, " two");
    await reader.arrived.reaches(7);
    expect(reader.text).toBe("one two");
  });

  test.each(Object.entries(HOSTILE_VALUES))("%s as what fileno() returns is refused", (_what, value) => {
    const reactor = make();
    const object = new Watched(0);
    object.fileno = () => value() as number;
    for (const add of [() => reactor.addReader(object), () => reactor.addWriter(object)]) {
      expect(add).toThrow(/fileno\(\) returns must be a number/);
    }
    expect([...reactor.getReaders(), ...reactor.getWriters()]).toEqual([]);
  });

  test("doRead() is called in every tick until everything is read", async () => {
    const reactor = make();
    const [reading, writing] = pipe();
    const reader = new Watched(reading);
    reader.onRead = () => {
      const letter = Buffer.alloc(1);
      reader.arrived.add(readSync(reading, letter));
      reader.text += letter;
      return undefined;
    };
    reactor.addReader(reader);
    writeSync(writing, "letters");
    await reader.arrived.reaches(7);
    expect([reader.text, reader.reads]).toEqual(["letters", 7]);
  });

  test("doWrite() is called in every tick in which there is room, and not while there is none", async () => {
    const reactor = make();
    const [reading, writing] = pipe();
    const writer = new Watched(writing);
    reactor.addWriter(writer);
    await writer.wrote.reaches(3);
    fill(writing);
    await turns(20);
    const { writes } = writer;
    await turns(20);
    expect(writer.writes).toBe(writes);
    readSync(reading, Buffer.alloc(65536));
    await writer.wrote.reaches(writes + 1);
  });

  test("an object added before the reactor runs is watched once it does", async () => {
    const reactor = make({ run: false });
    const [reading, writing] = pipe();
    const reader = new Watched(reading);
    writeSync(writing, "early");
    reactor.addReader(reader);
    await turns(10);
    expect(reader.reads).toBe(0);
    const ended = reactor.run({ installSignalHandlers: false });
    await reader.arrived.reaches(5);
    reactor.stop();
    await ended;
  });

  test("one object may read and write independently", async () => {
    const reactor = make();
    const [ours, theirs] = await sockets();
    const { fd } = (ours as unknown as { _handle: { fd: number } })._handle;
    const both = new Watched(fd);
    both.onWrite = () => {
      writeSync(fd, "hello");
      reactor.removeWriter(both);
      return undefined;
    };
    reactor.addReader(both);
    reactor.addWriter(both);
    expect(reactor.stats().connections).toBe(1);
    expect([reactor.getReaders(), reactor.getWriters()]).toEqual([[both], [both]]);
    await both.wrote.reaches(1);
    const [heard] = (await once(theirs, "data")) as [Buffer];
    expect(heard.toString()).toBe("hello");
    theirs.write("answer");
    await both.arrived.reaches(6);
    expect([both.text, both.writes]).toEqual(["answer", 1]);
    reactor.addWriter(both);
    reactor.removeReader(both);
    theirs.write("unheard");
    await both.wrote.reaches(2);
    await turns(10);
    expect(both.text).toBe("answer");
    expect([reactor.getReaders(), reactor.getWriters()]).toEqual([[], []]);
    expect(both.losses).toEqual([]);
    ours.destroy();
    theirs.destroy();
  });

  test("adding twice and removing twice have no further effect", async () => {
    const reactor = make();
    const [reading, writing] = pipe();
    const reader = new Watched(reading);
    reactor.removeReader(reader);
    reactor.addReader(reader);
    reactor.addReader(reader);
    expect(reactor.getReaders()).toEqual([reader]);
    expect(reactor.stats().connections).toBe(1);
    writeSync(writing, "x");
    await reader.arrived.reaches(1);
    expect(reader.reads).toBe(1);
    reactor.removeReader(reader);
    reactor.removeReader(reader);
    reactor.removeWriter(reader);
    writeSync(writing, "x");
    await turns(20);
    expect(reader.reads).toBe(1);
    reactor.addReader(reader);
    await reader.arrived.reaches(2);
  });

  test("an object that adds itself in its fileno() is registered once", async () => {
    const reactor = make();
    const [reading, writing] = pipe();
    const reader = new Watched(reading);
    let asked = 0;
    reader.fileno = () => {
      if (asked++ === 0) reactor.addReader(reader);
      return reading;
    };
    reactor.addReader(reader);
    expect(reactor.getReaders()).toEqual([reader]);
    writeSync(writing, "once");
    await reader.arrived.reaches(4);
    await turns(20);
    expect(reader.text).toBe("once");
    reactor.removeReader(reader);
    expect(reactor.stats().connections).toBe(0);
  });

  test("an object that another one adds in connectionLost(), for a descriptor that was reused, is kept", async () => {
    const reactor = make();
    const [reading, writing] = pipe();
    const [gone, heir, late] = [new Watched(reading), new Watched(reading), new Watched(reading)];
    reactor.addReader(gone);
    gone.fileno = () => -1;
    gone.connectionLost = (reason) => {
      reactor.addReader(heir);
      Watched.prototype.connectionLost.call(gone, reason);
    };
    expect(() => reactor.addReader(late)).toThrow(CannotWatchError);
    expect(reactor.getReaders()).toEqual([heir]);
    writeSync(writing, "for the heir");
    await heir.arrived.reaches(12);
    reactor.removeReader(heir);
    expect([gone.losses.length, reactor.stats().connections]).toEqual([1, 0]);
  });

  test("an object may remove itself in its own callback, and its neighbours", async () => {
    const reactor = make();
    const pipes = [pipe(), pipe(), pipe()];
    const readers = pipes.map(([reading]) => new Watched(reading));
    for (const reader of readers) {
      reader.onRead = () => {
        for (const other of readers) reactor.removeReader(other);
        return reader.read();
      };
      reactor.addReader(reader);
    }
    for (const [, writing] of pipes) writeSync(writing, "x");
    await Promise.race(readers.map((reader) => reader.arrived.reaches(1)));
    await turns(20);
    expect(readers.reduce((sum, { reads }) => sum + reads, 0)).toBe(1);
    expect(readers.flatMap(({ losses }) => losses)).toEqual([]);
  });

  test("an object that removes itself and closes its descriptor in doRead() gets no connectionLost()", async () => {
    const reactor = make();
    const [reading, writing] = pipe();
    const reader = new Watched(reading);
    reader.onRead = () => {
      reactor.removeReader(reader);
      close(reading);
      reader.fd = -1;
      reader.arrived.add();
      return undefined;
    };
    reactor.addReader(reader);
    writeSync(writing, "x");
    await reader.arrived.reaches(1);
    await turns(10);
    expect([reader.reads, reader.losses]).toEqual([1, []]);
  });

  test("removeAll() returns each object once, and leaves none", async () => {
    const reactor = make();
    const [reading, writing] = pipe();
    const [ours, theirs] = await sockets();
    const reader = new Watched(reading);
    const writer = new Watched(writing);
    const both = new Watched((ours as unknown as { _handle: { fd: number } })._handle.fd);
    reactor.addReader(reader);
    reactor.addWriter(writer);
    reactor.addReader(both);
    reactor.addWriter(both);
    expect(new Set(reactor.removeAll())).toEqual(new Set([reader, writer, both]));
    expect([reactor.getReaders(), reactor.getWriters(), reactor.removeAll()]).toEqual([[], [], []]);
    writeSync(writing, "x");
    await turns(20);
    for (const { reads, writes, losses } of [reader, writer, both]) expect([reads, writes, losses]).toEqual([0, 0, []]);
    ours.destroy();
    theirs.destroy();
  });

  describe("the end", () => {
    test("an object is ended once with what doRead() returns, and unregistered", async () => {
      const reactor = make();
      const [reading, writing] = pipe();
      const reader = new Watched(reading);
      const end = new Error("I have seen enough");
      reader.onRead = () => end;
      reactor.addReader(reader);
      writeSync(writing, "x");
      expect(await reader.lost.promise).toBe(end);
      await turns(20);
      expect([reader.reads, reader.losses]).toEqual([1, [end]]);
      expect(reactor.getReaders()).toEqual([]);
    });

    test("an object is ended with what doWrite() returns", async () => {
      const reactor = make();
      const [, writing] = pipe();
      const writer = new Watched(writing);
      const end = new ConnectionDone("All is written.");
      writer.onWrite = () => end;
      reactor.addWriter(writer);
      expect(await writer.lost.promise).toBe(end);
      expect(reactor.getWriters()).toEqual([]);
    });

    test("an exception of doRead() is logged, and ends only that object", async () => {
      const reactor = make();
      const [reading, writing] = pipe();
      const [otherReading, otherWriting] = pipe();
      const reader = new Watched(reading);
      const other = new Watched(otherReading);
      const broken = new Error("broken");
      reader.onRead = () => {
        throw broken;
      };
      reactor.addReader(reader);
      reactor.addReader(other);
      writeSync(writing, "x");
      expect(await reader.lost.promise).toBe(broken);
      writeSync(otherWriting, "fine");
      await other.arrived.reaches(4);
      expect(reader.losses).toEqual([broken]);
      expect(takeLog()).toEqual(["a watched descriptor: doRead() failed: Error: broken"]);
    });

    test("an exception of connectionLost() is logged", async () => {
      const reactor = make();
      const [reading, writing] = pipe();
      const reader = new Watched(reading);
      reader.onRead = () => new ConnectionDone();
      reader.connectionLost = () => {
        reader.arrived.add();
        throw new Error("no use");
      };
      reactor.addReader(reader);
      writeSync(writing, "x");
      await reader.arrived.reaches(1);
      expect(takeLog()).toEqual(["a watched descriptor: connectionLost() failed: Error: no use"]);
    });

    test("a closed writer ends the reader with ConnectionDone, after everything that was written", async () => {
      const reactor = make();
      const [reading, writing] = pipe();
      const reader = new Watched(reading);
      reactor.addReader(reader);
      writeSync(writing, "last words");
      close(writing);
      expect(await reader.lost.promise).toBeInstanceOf(ConnectionDone);
      expect(reader.text).toBe("last words");
      expect(reader.losses).toHaveLength(1);
    });

    test("a half-closeable object gets readConnectionLost(), and can still write", async () => {
      const reactor = make();
      const [ours, theirs] = await sockets();
      const both = new Watched((ours as unknown as { _handle: { fd: number } })._handle.fd);
      const half = new Promise<unknown>((resolve) => {
        Object.assign(both, { readConnectionLost: (reason: { value: unknown }) => resolve(reason.value) });
      });
      reactor.addReader(both);
      reactor.addWriter(both);
      theirs.end("half");
      expect(await half).toBeInstanceOf(ConnectionDone);
      expect([both.text, reactor.getReaders(), reactor.getWriters()]).toEqual(["half", [], [both]]);
      await both.wrote.reaches(both.writes + 2);
      expect(both.losses).toEqual([]);
      reactor.removeWriter(both);
      ours.destroy();
    });

    test("a closed reader ends the writer", async () => {
      const reactor = make();
      const [reading, writing] = pipe();
      const writer = new Watched(writing);
      writer.onWrite = () => {
        try {
          writeSync(writing, "x");
          return undefined;
        } catch (error) {
          return error as Error;
        }
      };
      fill(writing);
      reactor.addWriter(writer);
      await turns(5);
      close(reading);
      const error = await writer.lost.promise;
      expect(error instanceof ConnectionLost || (error as { code?: unknown }).code === "EPIPE").toBe(true);
    });

    test("the end of the reactor ends every object with ConnectionLost", async () => {
      const reactor = make();
      const [reading, writing] = pipe();
      const watched = [new Watched(reading), new Watched(writing)] as const;
      reactor.addReader(watched[0]);
      fill(writing);
      watched[0].onRead = () => undefined;
      reactor.addWriter(watched[1]);
      reactor.stop();
      for (const { lost } of watched) expect(await lost.promise).toBeInstanceOf(ConnectionLost);
      expect([reactor.getReaders(), reactor.getWriters()]).toEqual([[], []]);
    });
  });

  describe("descriptors that cannot be watched", () => {
    test("one that is not open is refused", () => {
      const reactor = make();
      // No process may have so many open: the number of one that was closed could be given to another thread's file.
      const closed = 2 ** 30;
      for (const fd of [closed, -1, Number.NaN]) {
        const add = () => reactor.addReader(new Watched(fd));
        expect(add).toThrow(CannotWatchError);
        expect(add).toThrow(/a watched descriptor: cannot watch descriptor .* \(EBADF\)\. It is not open/);
      }
      expect(reactor.getReaders()).toEqual([]);
      expect(reactor.stats().connections).toBe(0);
    });

    test("a regular file is always ready, or refused with advice", async () => {
      const reactor = make();
      const directory = mkdtempSync(join(tmpdir(), "skein-fdset-"));
      try {
        const path = join(directory, "file");
        writeFileSync(path, "content");
        const reader = new Watched(openFile(path, constants.O_RDONLY));
        try {
          reactor.addReader(reader);
        } catch (error) {
          expect(error).toBeInstanceOf(CannotWatchError);
          expect(error).toMatchObject({ code: "ERR_CANNOT_WATCH", osError: "EPERM", fd: reader.fd });
          expect(String(error)).toContain("use node:fs");
          return;
        }
        await reader.arrived.reaches(7);
        expect(reader.text).toBe("content");
        reactor.removeReader(reader);
      } finally {
        rmSync(directory, { recursive: true });
      }
    });

    test("one that another object watches is refused", () => {
      const reactor = make();
      const [reading] = pipe();
      reactor.addReader(new Watched(reading));
      const add = () => reactor.addWriter(new Watched(reading));
      expect(add).toThrow(CannotWatchError);
      expect(add).toThrow(/EEXIST.*one object be both/);
    });

    test("an object whose descriptor is closed and reused elsewhere is ended", async () => {
      const reactor = make();
      const [reading, writing] = pipe();
      const reader = new Watched(reading);
      reader.onRead = () => {
        close(reading);
        reader.fd = -1;
        return undefined;
      };
      reactor.addReader(reader);
      writeSync(writing, "x");
      expect(await reader.lost.promise).toBeInstanceOf(ConnectionFdescWentAway);
      expect(reactor.getReaders()).toEqual([]);
    });
  });

  test.each(["and stays closed", "and its number goes to another file"])(
    "one that is closed without a word %s is lost within two seconds, and its neighbour is not",
    async (what) => {
      const reactor = make();
      const [reading, writing] = pipe();
      const [other, otherEnd] = pipe();
      const [reader, neighbour] = [new Watched(reading), new Watched(other)];
      reactor.addReader(reader);
      reactor.addReader(neighbour);
      await turns(3);
      close(reading);
      // The lowest number that is free is given out first; something else of this process may have been quicker.
      while (what !== "and stays closed" && openFile("/dev/null", constants.O_RDONLY) < reading);
      expect(await reader.lost.promise).toBeInstanceOf(ConnectionFdescWentAway);
      close(writing);
      writeSync(otherEnd, "hello");
      await neighbour.arrived.reaches(5);
      expect(reader.losses).toHaveLength(1);
      expect(reactor.getReaders()).toEqual([neighbour]);
    },
  );

  test("a child's output is read through a pipe", async () => {
    const reactor = make();
    const [reading, writing] = pipe();
    const reader = new Watched(reading);
    reactor.addReader(reader);
    const child = spawn("sh", ["-c", "yes 'from a child' | head -n 1000"], {
      stdio: ["ignore", writing, "inherit"],
    });
    close(writing);
    await once(child, "exit");
    expect(await reader.lost.promise).toBeInstanceOf(ConnectionDone);
    expect(reader.text).toBe("from a child\n".repeat(1000));
  });

  test("a terminal is read and written", async () => {
    const reactor = make();
    // Opens a terminal, tells its name, and sends back what comes out at its other end.
    const script = [
      "import os, pty, sys, tty",
      "master, slave = pty.openpty()",
      "tty.setraw(slave)",
      "print(os.ttyname(slave), flush=True)",
      "os.write(master, os.read(master, 100).upper())",
      "sys.stdin.read()",
    ].join("\n");
    const child = spawn("python3", ["-c", script], { stdio: ["pipe", "pipe", "inherit"] });
    const [path] = (await once(child.stdout, "data")) as [Buffer];
    const terminal = new Watched(openFile(path.toString().trim(), constants.O_RDWR | constants.O_NOCTTY));
    terminal.onWrite = () => {
      writeSync(terminal.fd, "quiet");
      reactor.removeWriter(terminal);
      return undefined;
    };
    reactor.addReader(terminal);
    reactor.addWriter(terminal);
    await terminal.arrived.reaches(5);
    expect(terminal.text).toBe("QUIET");
    reactor.removeReader(terminal);
    child.stdin.end();
    await once(child, "exit");
  });
});

/** Two ends of a connection of Node's own; the first is left alone by Node. */
async function sockets(): Promise<[left: Socket, right: Socket]> {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const right = connect({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", allowHalfOpen: true });
  const [left] = (await once(server, "connection")) as [Socket];
  server.close();
  return [left, right];
}
