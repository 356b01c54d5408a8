/** Deferreds, tasks and the clock, for wrongarguments.test.ts. */
import { expect } from "vitest";
import * as defer from "../../../src/entries/defer.ts";
import * as task from "../../../src/entries/task.ts";
import { Clock } from "../../../src/entries/testing.ts";
import { type Call, type Calls, constructed, made, method, nothing } from "./call.ts";

export const DEFER_CALLS: Calls = {
  "Deferred.addBoth": ofDeferred("addBoth", nothing),
  "Deferred.addCallback": ofDeferred("addCallback", nothing),
  "Deferred.addCallbacks": ofDeferred("addCallbacks", nothing, nothing, [], []),
  "Deferred.addErrback": ofDeferred("addErrback", nothing),
  "Deferred.addTimeout": ofDeferred("addTimeout", 1, new Clock(), nothing),
  "Deferred.asPromise": ofDeferred("asPromise", {}),
  "Deferred.chainDeferred": ofDeferred("chainDeferred", new defer.Deferred()),
  "Deferred.fromPromise": made((...args) => Reflect.apply(defer.Deferred.fromPromise, null, args), Promise.resolve()),
  "new Deferred": constructed(defer.Deferred, nothing),
  "new DeferredList": constructed(defer.DeferredList, [], {}),
  "new DeferredQueue": constructed(defer.DeferredQueue, 1, 1),
  "new DeferredSemaphore": constructed(defer.DeferredSemaphore, 1),
  "new FilesystemLock": constructed(defer.FilesystemLock, "/nowhere"),
  "new DeferredFilesystemLock": constructed(defer.DeferredFilesystemLock, "x", new Clock()),
  "DeferredFilesystemLock.deferUntilLocked": method(
    () => new defer.DeferredFilesystemLock("/nowhere/at/all", new Clock()),
    "deferUntilLocked",
    1,
    {},
  ),
  "DeferredQueue.get": method(() => new defer.DeferredQueue(), "get", {}),
  "Permits.acquire": method(() => new defer.DeferredLock(), "acquire", {}),
  "Permits.run": method(() => new defer.DeferredLock(), "run", nothing),
  execute: made(defer.execute as never, nothing),
  ensureDeferred: made(defer.ensureDeferred as never, Promise.resolve()),
  gatherResults: made(defer.gatherResults as never, [], false),
  isLocked: made(defer.isLocked as never, "/nowhere"),
  maybeDeferred: made(defer.maybeDeferred as never, nothing),
  race: made(defer.race as never, []),
  timeout: made(defer.timeout as never, Promise.resolve(), 1, new Clock()),
  deferLater: made(task.deferLater as never, new Clock(), 1, nothing),
  coiterate: made(task.coiterate as never, []),
  cooperate: made(task.cooperate as never, []),
  "Cooperator.cooperate": method(() => new task.Cooperator({ started: false }), "cooperate", []),
  "Cooperator.coiterate": method(() => new task.Cooperator({ started: false }), "coiterate", []),
  "new Cooperator": constructed(task.Cooperator, {}),
  "new LoopingCall": constructed(task.LoopingCall, nothing),
  "LoopingCall.start": method(
    () => Object.assign(new task.LoopingCall(nothing), { clock: new Clock() }),
    "start",
    1,
    false,
  ),
  "LoopingCall.withCount": made(task.LoopingCall.withCount as never, nothing),
  setDebugging: made(defer.setDebugging as never, false),
  "Clock.advance": method(() => new Clock(), "advance", 1),
  "Clock.callLater": method(() => new Clock(), "callLater", 1, nothing),
  "Clock.pump": method(() => new Clock(), "pump", []),
};

function ofDeferred(name: string, ...good: unknown[]): () => Call {
  return () => {
    const d = new defer.Deferred<number>() as unknown as Record<string, (...args: unknown[]) => unknown>;
    return {
      call: (...args) => d[name]!(...args),
      good,
      after: () => {
        // No link was added: a result that comes passes on as it is.
        const deferred = d as unknown as defer.Deferred<number>;
        let seen: unknown;
        deferred.callback(7);
        deferred.addCallback((result) => {
          seen = result;
        });
        expect(seen).toBe(7);
      },
    };
  };
}
