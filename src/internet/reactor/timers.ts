/**
 * A hierarchical timing wheel of delayed calls: adding and cancelling are O(1), with ten calls and with ten million.
 *
 *     level 0   32 slots of      1 ms   ┐
 *     level 1   32 slots of     32 ms   │  A call stands at the level of the highest five-bit digit in which its tick
 *     level 2   32 slots of      1 s    ├─ differs from the cursor's. When the cursor enters a slot of a higher level,
 *     level 3   32 slots of     33 s    │  the calls of that slot move down. So everything at a lower level comes
 *     level 4   32 slots of   17.5 min  │  before everything at a higher one, and the lowest set bit of the lowest
 *     level 5   32 slots of    9.3 h    ┘  level that has one leads to what is next.
 *     far       what is more than 12.4 days ahead of the origin, until the origin moves there
 *
 * When the cursor reaches a tick, its calls move from the wheel to a heap, which returns them in time order, none
 * before its exact time within the tick.
 *
 * A slot is a circular list in the order of the `callLater` calls. Cancelling only unlinks the call: the slot's bit and
 * its earliest time may be stale, and are corrected when they are next read. A stale value can cause a superfluous
 * wake-up, never a late one.
 */
import { described } from "../arguments/described.ts";
import { AlreadyCalled, AlreadyCancelled } from "../error.ts";
import type { DelayedCall as DelayedCallInterface } from "../time.ts";
import { TimeHeap } from "../timeheap.ts";

type Callable = (...args: unknown[]) => unknown;

const TICKS_PER_SECOND = 1000;
const LEVELS = 6;
const DIGIT_BITS = 5;
const DIGIT_MASK = 31;
const ERA_TICKS = 2 ** (LEVELS * DIGIT_BITS);
const FAR = LEVELS << DIGIT_BITS;

const ACTIVE = 0;
const CALLED = 1;
const CANCELLED = 2;

/** Heaps with fewer entries than this are not cleared of void entries. */
const CLEARED_FROM = 64;

const FROM_NOW = "a number of seconds from now, 0 or more";
const NO_ARGUMENTS: readonly unknown[] = [];
const nothing: Callable = () => undefined;

/** A delayed call. It is also its own list node; the undocumented fields belong to the wheel. */
export class DelayedCall implements DelayedCallInterface {
  prev: DelayedCall = this;
  next: DelayedCall = this;
  state: number = ACTIVE;
  /** The sequence of its entry in the heap, -1 when it has none. */
  sequence = -1;
  time: number;
  f: Callable;
  args: readonly unknown[];
  readonly wheel: TimerWheel;

  constructor(wheel: TimerWheel, time: number, f: Callable, args: readonly unknown[]) {
    this.time = time;
    this.f = f;
    this.args = args.length === 0 ? NO_ARGUMENTS : args; // a rest parameter is an array of its own, also when empty
    this.wheel = wheel;
  }

  /** When the call is due, in seconds on the clock's own scale. */
  getTime(): number {
    return this.time;
  }

  /** Cancel the call, and release the function and its arguments. @throws AlreadyCalled | AlreadyCancelled */
  cancel(): void {
    this.ensureActive();
    this.wheel.take(this);
    this.finish(CANCELLED);
  }

  /**
   * Put the call off by `secondsLater` more seconds; a negative number brings it forward.
   * @throws AlreadyCalled | AlreadyCancelled; RangeError when it is not a number
   */
  delay(secondsLater: number): void {
    this.ensureActive();
    ensureSeconds("delay", "a number of seconds", secondsLater, Number.NEGATIVE_INFINITY);
    this.wheel.move(this, this.time + secondsLater);
  }

  /**
   * Make the call due `secondsFromNow` seconds from now.
   * @throws AlreadyCalled | AlreadyCancelled; RangeError when it is negative or not a number
   */
  reset(secondsFromNow: number): void {
    this.ensureActive();
    ensureSeconds("reset", FROM_NOW, secondsFromNow, 0);
    this.wheel.move(this, this.wheel.seconds() + secondsFromNow);
  }

  /** True until the call was made or cancelled. */
  active(): boolean {
    return this.state === ACTIVE;
  }

  /** Make the call, which shift() has returned. Throws what the function throws. */
  run(): unknown {
    const { f, args } = this;
    this.finish(CALLED);
    return args.length === 0 ? f() : f(...args);
  }

  private ensureActive(): void {
    if (this.state === CALLED) throw new AlreadyCalled();
    if (this.state === CANCELLED) throw new AlreadyCancelled();
  }

  private finish(state: number): void {
    this.state = state;
    this.f = nothing;
    this.args = NO_ARGUMENTS;
  }
}

/** The wheel. It sets no timer: its owner calls it no later than `nextTime`. */
export class TimerWheel {
  readonly seconds: () => number;
  private readonly wake: (time: number) => void;
  /** When the owner's timer fires. `wake` is called for calls that are due before that. */
  wakeTime = Number.POSITIVE_INFINITY;

  private readonly lists: DelayedCall[] = [];
  /** The calls that have left the wheel. An entry whose sequence is not its call's is void. */
  private readonly due = new TimeHeap<DelayedCall>();
  private sequence = 0;
  /** Void entries of the heap. */
  private voided = 0;
  /** The `now` of the last takeDue(). */
  private now = Number.NEGATIVE_INFINITY;
  /** One bit per slot of each level: set when the slot may hold calls. */
  private readonly occupied = new Int32Array(LEVELS);
  /** For each slot, a lower bound of the due times of its calls. */
  private readonly earliest = new Float64Array(FAR + 1).fill(Number.POSITIVE_INFINITY);
  /** Seconds at which tick 0 begins. */
  private origin: number;
  /** The tick of the last takeDue(): everything before it has left the wheel. */
  private cursor = 0;

  /**
   * @param seconds the clock
   * @param wake is told the time of a call that is due before `wakeTime`
   */
  constructor(seconds: () => number, wake: (time: number) => void) {
    this.seconds = seconds;
    this.wake = wake;
    this.origin = seconds();
    for (let slot = 0; slot <= FAR; slot++) this.lists.push(this.newList());
  }

  /** Make the call `f(...args)` due at `time`. */
  add(time: number, f: Callable, args: readonly unknown[]): DelayedCall {
    const call = new DelayedCall(this, time, f, args);
    this.place(call);
    if (time < this.wakeTime) this.wake(time);
    return call;
  }

  /** Change the due time of an active call. Among calls due at the same time it becomes the last. */
  move(call: DelayedCall, time: number): void {
    this.take(call);
    call.time = time;
    this.place(call);
    if (time < this.wakeTime) this.wake(time);
  }

  /** Remove a call from the wheel. */
  take(call: DelayedCall): void {
    if (call.sequence < 0) {
      unlink(call);
      return;
    }
    call.sequence = -1;
    this.voided++;
    if (this.voided <= this.due.size / 2 || this.due.size < CLEARED_FROM) return;
    this.dropVoid();
  }

  /** Make every call that is due at `now` available to `shift`. */
  takeDue(now: number): void {
    this.now = now;
    let tick = (now - this.origin) * TICKS_PER_SECOND;
    if (tick >= ERA_TICKS) {
      this.advance(ERA_TICKS - 1);
      this.beginEra(now);
      tick = 0;
    }
    if (tick >= this.cursor) this.advance(Math.floor(tick));
  }

  /** Remove and return the first due call in time order; the caller must `run` it. */
  shift(): DelayedCall | undefined {
    const call = this.firstDue();
    if (call === undefined || call.time > this.now) return undefined;
    this.due.shift();
    call.sequence = -1;
    return call;
  }

  /** When takeDue() must be called next; Infinity without calls. Never later than the next due time. */
  nextTime(): number {
    const slot = this.firstSlot();
    const later = slot === undefined ? Number.POSITIVE_INFINITY : this.earliest[slot]!;
    return Math.min(later, this.firstDue()?.time ?? Number.POSITIVE_INFINITY);
  }

  /** Every active call, in the order of the due times. */
  calls(): DelayedCall[] {
    this.dropVoid();
    const found = [...this.due.values()].sort((a, b) => a.sequence - b.sequence);
    for (const list of this.lists) {
      for (let call = list.next; call !== list; call = call.next) found.push(call);
    }
    return found.sort(byTime);
  }

  private newList(): DelayedCall {
    return new DelayedCall(this, 0, nothing, NO_ARGUMENTS);
  }

  private place(call: DelayedCall): void {
    const time = call.time;
    const cursor = this.cursor;
    const ticks = (time - this.origin) * TICKS_PER_SECOND;
    let slot = FAR;
    if (ticks < ERA_TICKS) {
      const tick = ticks > cursor ? ticks | 0 : cursor;
      const level = ((31 - Math.clz32((tick ^ cursor) | DIGIT_MASK)) / DIGIT_BITS) | 0;
      const digit = (tick >>> (level * DIGIT_BITS)) & DIGIT_MASK;
      this.occupied[level]! |= 1 << digit;
      slot = (level << DIGIT_BITS) | digit;
    }
    if (time < this.earliest[slot]!) this.earliest[slot] = time;
    append(this.lists[slot]!, call);
  }

  private dropVoid(): void {
    if (this.voided > 0) this.due.retain((entry, sequence) => entry.sequence === sequence);
    this.voided = 0;
  }

  /** The first valid call of the heap; drops the void entries before it. */
  private firstDue(): DelayedCall | undefined {
    const { due } = this;
    while (due.size > 0 && due.first!.sequence !== due.sequence) {
      due.shift();
      this.voided--;
    }
    return due.first;
  }

  /** The slot with the earliest call, after clearing the stale bits of empty slots. */
  private firstSlot(): number | undefined {
    for (let level = 0; level < LEVELS; level++) {
      for (let bits = this.occupied[level]!; bits !== 0; bits = this.occupied[level]!) {
        const slot = (level << DIGIT_BITS) | (31 - Math.clz32(bits & -bits));
        if (this.lists[slot]!.next !== this.lists[slot]) return slot;
        this.clear(slot);
      }
    }
    if (this.lists[FAR]!.next !== this.lists[FAR]) return FAR;
    this.earliest[FAR] = Number.POSITIVE_INFINITY;
    return undefined;
  }

  private clear(slot: number): void {
    this.earliest[slot] = Number.POSITIVE_INFINITY;
    if (slot !== FAR) this.occupied[slot >> DIGIT_BITS]! &= ~(1 << (slot & DIGIT_MASK));
  }

  /** Move the cursor to the tick `target`. */
  private advance(target: number): void {
    for (let slot = this.firstSlot(); slot !== undefined && slot !== FAR; slot = this.firstSlot()) {
      const shift = (slot >> DIGIT_BITS) * DIGIT_BITS;
      const above = ~(2 ** (shift + DIGIT_BITS) - 1);
      const start = (this.cursor & above) | ((slot & DIGIT_MASK) << shift);
      if (start > target) break;
      this.cursor = start;
      if (shift > 0) this.scatter(slot);
      else this.takeSlot(slot);
    }
    this.cursor = target;
  }

  /** Redistribute the calls of a slot, after the cursor or the origin has moved. */
  private scatter(slot: number): void {
    const list = this.lists[slot]!;
    let call = list.next;
    list.prev = list;
    list.next = list;
    this.clear(slot);
    while (call !== list) {
      const next = call.next;
      this.place(call);
      call = next;
    }
  }

  /** Move the calls of a slot of one tick to the heap. */
  private takeSlot(slot: number): void {
    const list = this.lists[slot]!;
    for (let call = list.next; call !== list; call = list.next) {
      unlink(call);
      call.sequence = this.sequence++;
      this.due.push(call.time, call.sequence, call);
    }
    this.clear(slot);
  }

  /** Move the origin to `now`. Only far calls are left in the wheel. */
  private beginEra(now: number): void {
    this.origin = now;
    this.cursor = 0;
    this.scatter(FAR);
  }
}

/** Check the arguments of `callLater`. @throws RangeError | TypeError */
export function ensureCallLater(seconds: number, f: unknown): void {
  ensureSeconds("callLater", FROM_NOW, seconds, 0);
  if (typeof f !== "function") {
    throw new TypeError(`callLater(seconds, f, ...args) needs a function to call, not ${described(f)}.`);
  }
}

function ensureSeconds(method: string, what: string, seconds: number, least: number): void {
  if (typeof seconds !== "number") throw new TypeError(`${method} needs ${what}, not ${described(seconds)}.`);
  if (!(seconds >= least)) throw new RangeError(`${method} needs ${what}, not ${seconds} (number).`);
}

function byTime(a: DelayedCall, b: DelayedCall): number {
  return a.time < b.time ? -1 : a.time > b.time ? 1 : 0; // no difference: of two Infinities it is not a number
}

/** Insert `call` before `list`; at the end, when `list` is a list's sentinel. */
function append(list: DelayedCall, call: DelayedCall): void {
  const last = list.prev;
  call.prev = last;
  call.next = list;
  last.next = call;
  list.prev = call;
}

/** Unlink a call. It then links to itself, so that a call that is kept does not keep its neighbours alive. */
function unlink(call: DelayedCall): void {
  const { prev, next } = call;
  prev.next = next;
  next.prev = prev;
  call.prev = call;
  call.next = call;
}
