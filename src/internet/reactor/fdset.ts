/**
 * The program's own descriptors, watched by the reactor: Twisted's IReactorFDSet.
 *
 *     addReader(object) ─▶ Watch (object, descriptor, handle) ◀─ READY record: doRead(), doWrite()
 *
 * Each object has one watch and one kernel registration, for reading, writing or both. The registration is removed as
 * soon as the object does neither, so that its descriptor can be closed then.
 */
import { fstatSync } from "node:fs";
import { isError, nameOf, read } from "../../logger/describe.ts";
import { err } from "../../logger/log.ts";
import { Interest } from "../../native.ts";
import { check } from "../arguments/check.ts";
import type { Kind } from "../arguments/kinds.ts";
import { ensureReader, ensureWriter } from "../arguments/reactors.ts";
import type { EngineLink, PolledEvents } from "../engine/link.ts";
import { errnoNamed, getSystemErrorName } from "../errno.ts";
import {
  CannotWatchError,
  ConnectionDone,
  ConnectionFdescWentAway,
  ConnectionLost,
  DescriptorsNotSupportedError,
} from "../error.ts";
import { Failure } from "../failure.ts";
import type { DescriptorEnd, FileDescriptor, ReadDescriptor, WriteDescriptor } from "../interfaces.ts";
import { callAndLog, logRejection } from "../rejection.ts";

/**
 * Seconds between two checks whether watched descriptors are still open. poll(2) and select(2) report a closed
 * descriptor; epoll, kqueue and io_uring drop it silently, so that its object would wait forever.
 */
const SWEEP_SECONDS = 1;

/** One that is not a descriptor's is found out by the kernel. */
const ANY_NUMBER: Kind = { accepts: "a number", typed: (value) => typeof value === "number" };

class Watch implements PolledEvents {
  readonly object: FileDescriptor;
  readonly fd: number;
  /** The file that the descriptor referred to when it was added. */
  readonly identity: string;
  handle = -1;
  reader: ReadDescriptor | undefined;
  writer: WriteDescriptor | undefined;
  private readonly set: FDSet;

  constructor(set: FDSet, object: FileDescriptor, fd: number, identity: string) {
    this.set = set;
    this.object = object;
    this.fd = fd;
    this.identity = identity;
  }

  get interest(): number {
    return (this.reader === undefined ? 0 : Interest.READ) | (this.writer === undefined ? 0 : Interest.WRITE);
  }

  ready(what: number): void {
    this.set.ready(this, what);
  }

  closed(errno: number): void {
    this.set.closed(this, errno);
  }
}

/** The descriptors that one reactor watches. */
export class FDSet {
  readonly #reactorName: string;
  readonly #link: EngineLink;
  readonly #watches = new Map<FileDescriptor, Watch>();
  readonly #byDescriptor = new Map<number, Watch>();
  #running = false;
  #sweeper: object | undefined;

  constructor(reactorName: string, link: EngineLink) {
    this.#reactorName = reactorName;
    this.#link = link;
  }

  // --- IReactorFDSet -------------------------------------------------------------------------------------------------

  /** @throws CannotWatchError | DescriptorsNotSupportedError */
  addReader(reader: ReadDescriptor): void {
    ensureReader(reader);
    const watch = this.#watchFor("addReader(reader)", reader);
    if (watch.reader !== undefined) return;
    watch.reader = reader;
    this.#tell(watch);
  }

  /** @throws CannotWatchError | DescriptorsNotSupportedError */
  addWriter(writer: WriteDescriptor): void {
    ensureWriter(writer);
    const watch = this.#watchFor("addWriter(writer)", writer);
    if (watch.writer !== undefined) return;
    watch.writer = writer;
    this.#tell(watch);
  }

  removeReader(reader: ReadDescriptor): void {
    const watch = this.#watches.get(reader);
    if (watch?.reader === undefined) return;
    watch.reader = undefined;
    this.#lessen(watch);
  }

  removeWriter(writer: WriteDescriptor): void {
    const watch = this.#watches.get(writer);
    if (watch?.writer === undefined) return;
    watch.writer = undefined;
    this.#lessen(watch);
  }

  removeAll(): (ReadDescriptor | WriteDescriptor)[] {
    return [...this.#watches.values()].map((watch) => {
      const object = watch.reader ?? watch.writer!;
      this.#drop(watch);
      return object;
    });
  }

  getReaders(): ReadDescriptor[] {
    return [...this.#watches.values()].flatMap(({ reader }) => reader ?? []);
  }

  getWriters(): WriteDescriptor[] {
    return [...this.#watches.values()].flatMap(({ writer }) => writer ?? []);
  }

  // --- for the reactor -----------------------------------------------------------------------------------------------

  /** The reactor has started: events may be dispatched. */
  start(): void {
    this.#running = true;
    this.#sweepLater();
  }

  stop(): void {
    this.#running = false;
    this.#link.loop.cancelLater(this.#sweeper);
    this.#sweeper = undefined;
  }

  /** Remove every object, and call its connectionLost(). */
  disconnectAll(reason: () => Failure): void {
    for (const object of this.removeAll()) this.#lost(object, reason());
  }

  /** The kernel reported the descriptor as ready for `what`. */
  ready(watch: Watch, what: number): void {
    const { object } = watch;
    let reading = false;
    let call = "fileno()";
    let why: DescriptorEnd;
    try {
      if ((what & Interest.HANGUP) !== 0 && (what & Interest.READ) === 0) {
        reading = watch.reader !== undefined;
        why = endOf(watch.fd, reading);
      } else if (object.fileno() !== watch.fd || identityOf(watch.fd) !== watch.identity) {
        // poll(2) and select(2) look at whatever has the number now.
        why = new ConnectionFdescWentAway(watch.fd);
      } else {
        reading = watch.reader !== undefined && (what & Interest.READ) !== 0;
        if (reading) {
          call = "doRead()";
          why = watch.reader!.doRead();
        }
        if (!why && watch.writer !== undefined && (what & Interest.WRITE) !== 0) {
          reading = false;
          call = "doWrite()";
          why = watch.writer.doWrite();
        }
        if (!why && this.#watches.get(object) === watch) {
          call = "fileno()";
          if (object.fileno() !== watch.fd) why = new ConnectionFdescWentAway(watch.fd);
        }
      }
    } catch (error) {
      why = isError(error) ? error : new Failure(error);
      err(error, `${nameOf(object)}: ${call} failed`);
    }
    if (!why) return;
    logRejection(why, `${nameOf(object)}: ${call} returned a promise that was rejected`);
    this.#end(object, new Failure(why), reading);
  }

  /** The engine removed the descriptor because of an error. */
  closed(watch: Watch, errno: number): void {
    this.#end(watch.object, new Failure(new CannotWatchError(nameOf(watch.object), watch.fd, errno)), false);
  }

  // --- inside --------------------------------------------------------------------------------------------------------

  #watchFor(call: string, object: FileDescriptor): Watch {
    const known = this.#watches.get(object);
    if (known !== undefined) return known;
    const fd = object.fileno();
    // Node's own fstat() ends the process when it is given some values of other types.
    check(call, "what fileno() returns", fd, ANY_NUMBER);
    // Checked here, since poll(2) and select(2) would report it only in the next tick.
    const identity = identityOf(fd);
    if (identity === undefined) throw new CannotWatchError(nameOf(object), fd, errnoNamed("EBADF")!);
    const other = this.#byDescriptor.get(fd);
    // The other object closed its descriptor without removing it, and the number was reused.
    if (other !== undefined && numberOf(other.object) !== fd)
      this.#end(other.object, new Failure(new ConnectionFdescWentAway(fd)), false);
    // What fileno() and connectionLost() have added meanwhile stays.
    const added = this.#watches.get(object);
    if (added !== undefined) return added;
    if (this.#byDescriptor.has(fd)) throw new CannotWatchError(nameOf(object), fd, errnoNamed("EEXIST")!);
    return new Watch(this, object, fd, identity);
  }

  /** The watch's interest has grown. */
  #tell(watch: Watch): void {
    const { native } = this.#link;
    const isNew = watch.handle < 0;
    const result = isNew ? this.#link.poll(watch.fd, watch.interest) : native.setInterest(watch.handle, watch.interest);
    if (result < 0) {
      if (!isNew) this.#drop(watch);
      if (getSystemErrorName(-result) === "ENOTSUP") throw new DescriptorsNotSupportedError(this.#reactorName);
      throw new CannotWatchError(nameOf(watch.object), watch.fd, -result);
    }
    if (!isNew) return;
    watch.handle = result;
    this.#watches.set(watch.object, watch);
    this.#byDescriptor.set(watch.fd, watch);
    this.#link.addPolled(result, watch);
    this.#sweepLater();
  }

  /**
   * The watch's interest has shrunk. An error means that the kernel no longer knows the descriptor, and can be ignored.
   */
  #lessen(watch: Watch): void {
    if (watch.interest === 0) this.#drop(watch);
    else this.#link.native.setInterest(watch.handle, watch.interest);
  }

  #drop(watch: Watch): void {
    this.#watches.delete(watch.object);
    this.#byDescriptor.delete(watch.fd);
    watch.reader = undefined;
    watch.writer = undefined;
    this.#link.dropPolled(watch.handle);
    // The slot will be reused.
    watch.handle = -1;
  }

  #sweepLater(): void {
    if (this.#sweeper !== undefined || !this.#running || this.#watches.size === 0) return;
    this.#sweeper = this.#link.loop.later(SWEEP_SECONDS, this.#sweep, false);
  }

  /** Disconnect the objects whose descriptors were closed without being removed. */
  readonly #sweep = (): void => {
    this.#sweeper = undefined;
    for (const watch of [...this.#watches.values()]) {
      if (this.#watches.get(watch.object) !== watch || this.#isThere(watch)) continue;
      this.#end(watch.object, new Failure(new ConnectionFdescWentAway(watch.fd)), false);
    }
    this.#sweepLater();
  };

  #isThere({ object, fd, identity }: Watch): boolean {
    try {
      return object.fileno() === fd && identityOf(fd) === identity;
    } catch (error) {
      err(error, `${nameOf(object)}: fileno() failed`);
      return false;
    }
  }

  #end(object: FileDescriptor, reason: Failure, reading: boolean): void {
    const watch = this.#watches.get(object);
    if (reading && reason.type === ConnectionDone && typeof read(object, "readConnectionLost") === "function") {
      if (watch?.reader !== undefined) this.removeReader(watch.reader);
      this.#call(object, () => object.readConnectionLost!(reason), "readConnectionLost()");
      return;
    }
    if (watch !== undefined) this.#drop(watch);
    this.#lost(object, reason);
  }

  #lost(object: FileDescriptor, reason: Failure): void {
    this.#call(object, () => object.connectionLost(reason), "connectionLost()");
  }

  #call(object: FileDescriptor, f: () => unknown, name: string): void {
    callAndLog(f, () => `${nameOf(object)}: ${name} failed`);
  }
}

/** The reason for a hangup without readable data. */
function endOf(fd: number, reading: boolean): Error {
  if (!isOpen(fd)) return new ConnectionFdescWentAway(fd);
  return reading ? new ConnectionDone() : new ConnectionLost();
}

/** The result of `object.fileno()`; undefined when it throws, which must not affect the object that is being added. */
function numberOf(object: FileDescriptor): number | undefined {
  try {
    return object.fileno();
  } catch {
    return undefined;
  }
}

function isOpen(fd: number): boolean {
  return identityOf(fd) !== undefined;
}

/** The identity of the file that a descriptor refers to; undefined when it is closed. */
function identityOf(fd: number): string | undefined {
  try {
    const { dev, ino } = fstatSync(fd);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
