/** Two protocols that are pumped automatically. */
import { ensureProtocol } from "../internet/arguments/transports.ts";
import { Deferred } from "../internet/defer/deferred.ts";
import { fail } from "../internet/defer/makers.ts";
import type { ProtocolLike } from "../internet/interfaces.ts";
import { connect, FakeTransport, type IOPump } from "./iosim.ts";

/**
 * Connect two protocols in memory, and pump whenever there is output, until both have lost the connection: then the
 * Deferred fires. It fails with an exception of a protocol. Cancelling it stops the pumping.
 * @throws TypeError for what is not a protocol
 */
export function loopbackAsync(server: ProtocolLike, client: ProtocolLike): Deferred<void> {
  ensureProtocol("loopbackAsync(server, client)", server, "server");
  ensureProtocol("loopbackAsync(server, client)", client, "client");
  const serverIO = new FakeTransport(server, true);
  const clientIO = new FakeTransport(client, false);
  let pump: IOPump;
  try {
    pump = connect(server, serverIO, client, clientIO, false);
  } catch (error) {
    return fail(error);
  }
  let due: NodeJS.Immediate | undefined;
  let over = false;
  const end = (): void => {
    over = true;
    clearImmediate(due);
  };
  const done = new Deferred<void>(end);
  const turn = (): void => {
    due = undefined;
    try {
      pump.flush();
    } catch (error) {
      if (over) return;
      end();
      done.errback(error);
      return;
    }
    if (over || serverIO.protocol !== null || clientIO.protocol !== null) return;
    end();
    done.callback();
  };
  const wake = (): void => {
    if (!over) due ??= setImmediate(turn);
  };
  serverIO.onActivity = wake;
  clientIO.onActivity = wake;
  wake();
  return done;
}
