/** Socket options of a connection. */
import { expect, test } from "vitest";
import type { NativeEngine } from "../../src/native.ts";
import { Peer } from "../helpers/peer.ts";
import { forEachReactor } from "../helpers/reactors.ts";
import { Recorder, serve } from "../helpers/recorder.ts";

const NO_OPTION = 99;

forEachReactor((make) => {
  test("each option is set and read by itself, and remembered after the loss", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const peer = await Peer.connect(port);
    const { transport, lost } = await next();
    const options = () => [transport.getTcpNoDelay(), transport.getTcpKeepAlive()];
    expect(options()).toEqual([true, false]);
    transport.setTcpKeepAlive(true);
    expect(options()).toEqual([true, true]);
    transport.setTcpNoDelay(false);
    expect(options()).toEqual([false, true]);
    transport.setTcpKeepAlive(false);
    expect(options()).toEqual([false, false]);
    peer.end();
    await lost.promise;
    expect(options()).toEqual([false, false]);
  });

  test("options answer as before between abortConnection() and the loss", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    await Peer.connect(port);
    const { transport, lost, losses } = await next();
    transport.setTcpKeepAlive(true);
    transport.abortConnection();
    expect([losses, transport.getTcpNoDelay(), transport.getTcpKeepAlive()]).toEqual([0, true, true]);
    await lost.promise;
  });

  test("an option that the engine does not know is refused, and changes no other", async () => {
    const { port, next } = serve(make(), () => new Recorder());
    const peer = await Peer.connect(port);
    const { transport } = await next();
    const { native, handle } = transport as unknown as { native: NativeEngine; handle: number };
    expect(native.getOption(handle, NO_OPTION)).toBeLessThan(0);
    expect(native.setOption(handle, NO_OPTION, 1)).toBeLessThan(0);
    expect([transport.getTcpNoDelay(), transport.getTcpKeepAlive()]).toEqual([true, false]);
    await peer.close();
  });
});
