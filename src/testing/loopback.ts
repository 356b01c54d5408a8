/** Two protocols that talk to each other by themselves. */
import { Deferred } from "../internet/defer.ts";
import type { ProtocolLike } from "../internet/interfaces.ts";
import { connect, FakeTransport } from "./iosim.ts";

/**
 * Connect two protocols in memory, and pump whenever one of them has something for the other, until both have lost the
 * connection: then it fires. It fails with what a protocol throws. Cancelling it ends the pumping.
 */
export function loopbackAsync(server: ProtocolLike, client: ProtocolLike): Deferred<void> {
  const ends = [new FakeTransport(server, true), new FakeTransport(client, false)] as const;
  let due: NodeJS.Immediate | undefined;
  let over = false;
  const done = new Deferred<void>(() => {
    over = true;
    clearImmediate(due);
  });
  const turn = (): void => {
    due = undefined;
    try {
      pump.flush();
    } catch (error) {
      if (!over) done.errback(error);
      over = true;
      return;
    }
    // What flush() itself gave rise to, it has seen to.
    clearImmediate(due);
    due = undefined;
    if (over || ends.some((end) => end.protocol !== null)) return;
    over = true;
    done.callback();
  };
  const wake = (): void => {
    if (!over) due ??= setImmediate(turn);
  };
  for (const end of ends) end.onActivity = wake;
  const pump = connect(server, ends[0], client, ends[1], false);
  return done;
}
