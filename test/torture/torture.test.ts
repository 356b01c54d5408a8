/**
 * Every system call of the engine fails once, with every errno that its man page documents, at its first use and at
 * later ones: nothing aborts, nothing hangs, at most one connection is hurt, all descriptors are closed in the end.
 */
import { describe, expect, test } from "vitest";
import { runNode } from "../process/child.ts";
import { buildFaults, preloaded } from "./faults.ts";

type Hurts = readonly [least: number, most: number];

const NONE: Hurts = [0, 0];
const ONE: Hurts = [1, 1];
/** The fault may hit a connection that its program has closed already, or the listener. */
const AT_MOST_ONE: Hurts = [0, 1];

/** How many connections each errno may hurt, by call. Those of a pending connection leave accept4 to try again. */
const TABLE: readonly (readonly [call: string, hurts: Hurts, errnos: string])[] = [
  // accept(2), its "network errors" and what it says various kernels may return
  ["accept4", NONE, "EAGAIN EWOULDBLOCK EBADF ECONNABORTED EFAULT EINTR EINVAL EMFILE ENFILE ENOBUFS ENOMEM ENOTSOCK"],
  ["accept4", NONE, "EOPNOTSUPP EPERM EPROTO ENETDOWN ENOPROTOOPT EHOSTDOWN ENONET EHOSTUNREACH ENETUNREACH"],
  ["accept4", NONE, "ENOSR ESOCKTNOSUPPORT EPROTONOSUPPORT ETIMEDOUT"],
  // connect(2)
  ["connect", NONE, "EINPROGRESS EINTR"],
  ["connect", ONE, "EACCES EPERM EADDRINUSE EADDRNOTAVAIL EAFNOSUPPORT EAGAIN EALREADY EBADF ECONNREFUSED EFAULT"],
  ["connect", ONE, "EISCONN ENETUNREACH ENOTSOCK EPROTOTYPE ETIMEDOUT"],
  // recv(2)
  ["recv", NONE, "EAGAIN EWOULDBLOCK EINTR"],
  ["recv", AT_MOST_ONE, "EBADF ECONNREFUSED ECONNRESET EFAULT EINVAL ENOTCONN ENOTSOCK ETIMEDOUT"],
  ["recv", NONE, "ENOBUFS ENOMEM"],
  // send(2)
  ["send", NONE, "EAGAIN EWOULDBLOCK EINTR"],
  ["send", NONE, "ENOBUFS ENOMEM"],
  ["send", ONE, "EACCES EALREADY EBADF ECONNRESET EDESTADDRREQ EFAULT EINVAL EISCONN EMSGSIZE ENOTCONN"],
  ["send", ONE, "ENOTSOCK EOPNOTSUPP EPIPE"],
  ["sendmsg", NONE, "EAGAIN EINTR ENOBUFS ENOMEM"],
  ["sendmsg", ONE, "ECONNRESET EFAULT EPIPE"],
  // epoll_ctl(2), epoll_wait(2)
  ["epoll_ctl", AT_MOST_ONE, "EBADF EEXIST EINVAL ELOOP ENOENT ENOMEM ENOSPC EPERM"],
  ["epoll_wait", NONE, "EBADF EFAULT EINTR EINVAL"],
  // socket(2), bind(2), listen(2)
  ["socket", ONE, "EACCES EAFNOSUPPORT EINVAL EMFILE ENFILE ENOBUFS ENOMEM EPROTONOSUPPORT"],
  ["bind", ONE, "EACCES EADDRINUSE EADDRNOTAVAIL EBADF EFAULT EINVAL ENOTSOCK"],
  ["listen", ONE, "EADDRINUSE EBADF ENOTSOCK EOPNOTSUPP"],
  // shutdown(2), getsockopt(2), close(2)
  ["shutdown", AT_MOST_ONE, "EBADF EINVAL ENOTCONN ENOTSOCK"],
  ["getsockopt", ONE, "EBADF EFAULT EINVAL ENOPROTOOPT ENOTSOCK"],
  ["close", NONE, "EBADF EINTR EIO"],
];

const rows = TABLE.flatMap(([call, hurts, errnos]) => errnos.split(" ").map((errno) => ({ call, errno, hurts })));

describe.each(["pollable", "waiter"])("with the %s driver", (driver) => {
  test("a failing system call affects at most one connection, whichever call and occurrence it is", async () => {
    const faults = buildFaults();
    const args = [faults, driver, JSON.stringify(rows)];
    const { code, signal, output, complaints } = await runNode(import.meta.url, "scenario.mjs", args, {
      LD_PRELOAD: preloaded(faults),
    });
    const lines = output.trim().split("\n");
    expect(lines.filter((line) => line.startsWith("failed "))).toEqual([]);
    expect({ code, signal, complaints, last: lines.at(-1) }).toMatchObject({ code: 0, signal: null, complaints: "" });
    const [, faultsTaken] = /^done (\d+)$/.exec(lines.at(-1) ?? "") ?? [];
    // Every row must have been reached: fewer faults than rows would mean that some call is never made.
    expect(Number(faultsTaken)).toBeGreaterThan(rows.length);
  });
});
