/** Descriptors to watch, and the objects that a reactor watches them for. */
import { execFileSync } from "node:child_process";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { ConnectionDone } from "../../src/internet/error.ts";
import type { Failure } from "../../src/internet/failure.ts";
import type { DescriptorEnd, ReadDescriptor, WriteDescriptor } from "../../src/internet/interfaces.ts";
import { Gate, Tally } from "./gate.ts";

const open = new Set<number>();

/** Close it unless that has happened. */
export function close(fd: number): void {
  if (open.delete(fd)) closeSync(fd);
}

/** Open a file that does not block. It is closed when the test and its reactors are over. */
export function openFile(path: string, flags: number): number {
  const fd = openSync(path, flags | constants.O_NONBLOCK);
  open.add(fd);
  onTestFinished(() => close(fd));
  return fd;
}

/** Both ends of a pipe: `[to read from, to write to]`. */
export function pipe(): [reading: number, writing: number] {
  const directory = mkdtempSync(join(tmpdir(), "skein-fifo-"));
  try {
    const path = join(directory, "fifo");
    execFileSync("mkfifo", [path]);
    return [openFile(path, constants.O_RDONLY), openFile(path, constants.O_WRONLY)];
  } finally {
    rmSync(directory, { recursive: true });
  }
}

/** Have a pipe take no more. */
export function fill(fd: number): void {
  const block = Buffer.alloc(4096);
  try {
    for (;;) writeSync(fd, block);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
  }
}

/** Notes what happens to it. It reads all there is, and ends as a connection does when there is nothing more. */
export class Watched implements ReadDescriptor, WriteDescriptor {
  fd: number;
  text = "";
  reads = 0;
  writes = 0;
  readonly arrived = new Tally();
  readonly wrote = new Tally();
  readonly losses: unknown[] = [];
  readonly lost = new Gate<unknown>();
  onRead: (() => DescriptorEnd) | undefined;
  onWrite: (() => DescriptorEnd) | undefined;

  constructor(fd: number) {
    this.fd = fd;
  }

  fileno(): number {
    return this.fd;
  }

  logPrefix(): string {
    return "a watched descriptor";
  }

  doRead(): DescriptorEnd {
    this.reads++;
    return this.onRead === undefined ? this.read() : this.onRead();
  }

  /** What doRead() does by itself. */
  read(): DescriptorEnd {
    const block = Buffer.alloc(4096);
    const length = readSync(this.fd, block);
    if (length === 0) return new ConnectionDone();
    this.text += block.toString("utf8", 0, length);
    this.arrived.add(length);
    return undefined;
  }

  doWrite(): DescriptorEnd {
    this.writes++;
    const end = this.onWrite?.();
    this.wrote.add();
    return end;
  }

  connectionLost(reason: Failure): void {
    this.losses.push(reason.value);
    this.lost.open(reason.value);
  }
}
