/**
 * Descriptors of the program's own that a reactor watches: Twisted's IReactorFDSet.
 *
 *     addReader(object) ─▶ Watch (object, descriptor, handle) ◀─ READY record: doRead(), doWrite()
 *
 * One object has one watch and one kernel registration, whether it reads, writes or does both; it has none from the
 * moment that it does neither, so that its descriptor may be closed then.
 */
import { fstatSync } from "node:fs";
import { isError, nameOf, read } from "../../logger/describe.ts";
import { err } from "../../logger/log.ts";
import { Interest } from "../../native.ts";
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
 * How often the descriptors are looked at, in seconds. poll(2) and select(2) tell when one was closed; epoll, kqueue and
 * io_uring drop it without a word, so that its object would wait for ever.
 */
const SWEEP_SECONDS = 1;

class Watch implements PolledEvents {
  readonly object: FileDescriptor;
  readonly fd: number;
  /** What the number stood for when it was added. */
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
    const watch = this.#watchFor(reader);
    if (watch.reader !== undefined) return;
    watch.reader = reader;
    this.#tell(watch);
  }

  /** @throws CannotWatchError | DescriptorsNotSupportedError */
  addWriter(writer: WriteDescriptor): void {
    ensureWriter(writer);
    const watch = this.#watchFor(writer);
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

  /** The reactor runs: objects may be told. */
  start(): void {
    this.#running = true;
    this.#sweepLater();
  }

  stop(): void {
    this.#running = false;
    this.#link.loop.cancelLater(this.#sweeper);
    this.#sweeper = undefined;
  }

  /** Remove every object, and tell it. */
  disconnectAll(reason: () => Failure): void {
    for (const object of this.removeAll()) this.#lost(object, reason());
  }

  /** The kernel says that the descriptor is ready for `what`. */
  ready(watch: Watch, what: number): void {
    const { object } = watch;
    let reading = false;
    let why: DescriptorEnd;
    try {
      if ((what & Interest.HANGUP) !== 0 && (what & Interest.READ) === 0) {
        reading = watch.reader !== undefined;
        why = endOf(watch.fd, reading);
      } else if (object.fileno() !== watch.fd) {
        why = new ConnectionFdescWentAway(watch.fd);
      } else {
        reading = watch.reader !== undefined && (what & Interest.READ) !== 0;
        if (reading) why = watch.reader!.doRead();
        if (!why && watch.writer !== undefined && (what & Interest.WRITE) !== 0) {
          reading = false;
          why = watch.writer.doWrite();
        }
        if (!why && this.#watches.get(object) === watch && object.fileno() !== watch.fd) {
          why = new ConnectionFdescWentAway(watch.fd);
        }
      }
    } catch (error) {
      why = isError(error) ? error : new Failure(error);
      err(error, `${nameOf(object)}: ${reading ? "doRead()" : "doWrite()"} failed`);
    }
    if (!why) return;
    logRejection(why, `${nameOf(object)}: ${reading ? "doRead()" : "doWrite()"} returned a promise that was rejected`);
    this.#end(object, new Failure(why), reading);
  }

  /** The engine gave the descriptor up. */
  closed(watch: Watch, errno: number): void {
    this.#end(watch.object, new Failure(new CannotWatchError(nameOf(watch.object), watch.fd, errno)), false);
  }

  // --- inside --------------------------------------------------------------------------------------------------------

  #watchFor(object: FileDescriptor): Watch {
    const known = this.#watches.get(object);
    if (known !== undefined) return known;
    const fd = object.fileno();
    // Asked here, since poll(2) and select(2) would tell it only in the next turn.
    const identity = identityOf(fd);
    if (identity === undefined) throw new CannotWatchError(nameOf(object), fd, errnoNamed("EBADF")!);
    const other = this.#byDescriptor.get(fd);
    if (other !== undefined && numberOf(other.object) === fd)
      throw new CannotWatchError(nameOf(object), fd, errnoNamed("EEXIST")!);
    // The other one closed its descriptor without a word, and the number has come round.
    if (other !== undefined) this.#end(other.object, new Failure(new ConnectionFdescWentAway(fd)), false);
    return new Watch(this, object, fd, identity);
  }

  /** The watch waits for more than before. */
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

  /** The watch waits for less than before. An error says that the kernel has forgotten the descriptor: nothing is lost. */
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
    // Its slot will be another's.
    watch.handle = -1;
  }

  #sweepLater(): void {
    if (this.#sweeper !== undefined || !this.#running || this.#watches.size === 0) return;
    this.#sweeper = this.#link.loop.later(SWEEP_SECONDS, this.#sweep, false);
  }

  /** End the objects whose descriptors were closed without a word. */
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

/** What a hangup without anything to read means. */
function endOf(fd: number, reading: boolean): Error {
  if (!isOpen(fd)) return new ConnectionFdescWentAway(fd);
  return reading ? new ConnectionDone() : new ConnectionLost();
}

/** What `object.fileno()` returns; undefined when it throws, which is no matter of the one who adds another object. */
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

/** The file that a descriptor stands for; undefined when it is closed. */
function identityOf(fd: number): string | undefined {
  try {
    const { dev, ino } = fstatSync(fd);
    return `${dev}:${ino}`;
  } catch {
    return undefined;
  }
}
