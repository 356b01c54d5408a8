/**
 * The calls that a clock will make later: a hierarchical timing wheel, where adding and cancelling cost the same with
 * ten calls and with ten million.
 *
 *     level 0   32 slots of      1 ms   ┐
 *     level 1   32 slots of     32 ms   │  A call stands at the level of the highest five-bit digit in which its tick
 *     level 2   32 slots of      1 s    ├─ differs from the cursor's. When the cursor enters a slot of a higher level,
 *     level 3   32 slots of     33 s    │  the calls of that slot move down. So everything at a lower level comes
 *     level 4   32 slots of   17.5 min  │  before everything at a higher one, and the lowest set bit of the lowest
 *     level 5   32 slots of    9.3 h    ┘  level that has one leads to what is next.
 *     far       what is more than 12.4 days ahead of the origin, until the origin moves there
 *
 * The calls of the tick that the cursor is in leave the wheel for a heap, which hands them out in time order, each not
 * before its own time within that tick.
 *
 * A slot is a circular list in the order of the `callLater` calls. Cancelling only takes the call out of its list: a
 * slot's bit and its earliest time may be left behind, and are put right when they are looked at. They can cause one
 * look too many, never one too late.
 */
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

/** A heap of fewer entries is left as it is, whatever they are. */
const CLEARED_FROM = 64;

const FROM_NOW = "a number of seconds from now, 0 or more";
const NO_ARGUMENTS: readonly unknown[] = [];
const nothing: Callable = () => undefined;

/** One call to come. It is its own link in the wheel's lists; the fields are the wheel's. */
export class DelayedCall implements DelayedCallInterface {
  prev: DelayedCall = this;
  next: DelayedCall = this;
  state: number = ACTIVE;
  /** Of its entry in the heap, -1 when it has none. */
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

  /** Do not make the call; the function and its arguments are let go of. @throws AlreadyCalled | AlreadyCancelled */
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

  /** Make the call, which the wheel has handed out. Throws what the function throws. */
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

/** The wheel. It has no clock of its own to run by: its owner looks at it, in time for `nextTime`. */
export class TimerWheel {
  readonly seconds: () => number;
  private readonly wake: (time: number) => void;
  /** When the owner looks at the wheel by itself; calls that are due before are told to it by `wake`. */
  wakeTime = Number.POSITIVE_INFINITY;

  private readonly lists: DelayedCall[] = [];
  /** The calls of the tick that was looked at last, and of those before it. An entry whose sequence is not its call's is void. */
  private readonly due = new TimeHeap<DelayedCall>();
  private sequence = 0;
  /** Void entries of the heap. */
  private voided = 0;
  /** The time of the last look. */
  private now = Number.NEGATIVE_INFINITY;
  /** One bit for each slot of a level: it may hold calls. */
  private readonly occupied = new Int32Array(LEVELS);
  /** For each slot: no call in it is due before. */
  private readonly earliest = new Float64Array(FAR + 1).fill(Number.POSITIVE_INFINITY);
  /** Seconds at which tick 0 begins. */
  private origin: number;
  /** The tick of the last look: everything before it has been taken. */
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

  /** Make a call that is active due at another time. Among calls due at the same time it is the last from now on. */
  move(call: DelayedCall, time: number): void {
    this.take(call);
    call.time = time;
    this.place(call);
    if (time < this.wakeTime) this.wake(time);
  }

  /** Take a call out of the wheel. */
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

  /** Have `shift` hand out every call that is due at `now`. */
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

  /** The first call in time order of those that were due at the last look. It counts as made from here on: `run` it. */
  shift(): DelayedCall | undefined {
    const call = this.firstDue();
    if (call === undefined || call.time > this.now) return undefined;
    this.due.shift();
    call.sequence = -1;
    return call;
  }

  /** When the wheel must be looked at next; Infinity when there is no call. Never later than the next call is due. */
  nextTime(): number {
    const slot = this.firstSlot();
    const later = slot === undefined ? Number.POSITIVE_INFINITY : this.earliest[slot]!;
    return Math.min(later, this.firstDue()?.time ?? Number.POSITIVE_INFINITY);
  }

  /** Every call that is active, in the order in which they are due. */
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

  /** The first call of the heap, whose void entries before it are dropped. */
  private firstDue(): DelayedCall | undefined {
    const { due } = this;
    while (due.size > 0 && due.first!.sequence !== due.sequence) {
      due.shift();
      this.voided--;
    }
    return due.first;
  }

  /** The slot that holds what is due first, after clearing what empty slots have left behind. */
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

  /** Place the calls of a slot anew, now that the cursor or the origin has moved. */
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

  /** Let tick 0 begin at `now`. Only the far calls are left. */
  private beginEra(now: number): void {
    this.origin = now;
    this.cursor = 0;
    this.scatter(FAR);
  }
}

/** Check what `callLater` was given. @throws RangeError | TypeError */
export function ensureCallLater(seconds: number, f: unknown): void {
  ensureSeconds("callLater", FROM_NOW, seconds, 0);
  if (typeof f !== "function") {
    throw new TypeError(`callLater(seconds, f, ...args) needs a function to call, not ${String(f)}.`);
  }
}

function ensureSeconds(method: string, what: string, seconds: number, least: number): void {
  if (typeof seconds !== "number" || !(seconds >= least)) {
    throw new RangeError(`${method} needs ${what}, not ${String(seconds)} (${typeof seconds}).`);
  }
}

function byTime(a: DelayedCall, b: DelayedCall): number {
  return a.time < b.time ? -1 : a.time > b.time ? 1 : 0; // no difference: of two Infinities it is not a number
}

/** Put `call` before `list`: at the end, when `list` is a list's own link. */
function append(list: DelayedCall, call: DelayedCall): void {
  const last = list.prev;
  call.prev = last;
  call.next = list;
  last.next = call;
  list.prev = call;
}

/** Take a call out of its list; it links to itself then, so that one that is kept keeps no neighbours. */
function unlink(call: DelayedCall): void {
  const { prev, next } = call;
  prev.next = next;
  next.prev = prev;
  call.prev = call;
  call.next = call;
}
