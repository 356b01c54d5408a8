/** What a process holds, as the kernel tells it. */

import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { statusField } from "./machine.ts";
import type { Server } from "./server.ts";

const POLL_MILLISECONDS = 50;
const POLLS_MOST = 200;

/** Bytes of its memory that are resident. */
export function resident(server: Server): number {
  return Number.parseInt(statusField(server.pid, "VmRSS"), 10) * 1024;
}

export function openFiles(server: Server): number {
  return readdirSync(`/proc/${server.pid}/fd`).length;
}

export function openFilesLimit(): number {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  return hard === undefined || hard === "unlimited" ? Number.POSITIVE_INFINITY : Number(hard);
}

/** @throws Error with `complaint` when `holds` was false for 10 s */
export async function until(holds: () => boolean, complaint: string): Promise<void> {
  for (let polls = 0; !holds(); polls++) {
    if (polls === POLLS_MOST) throw new Error(complaint);
    await sleep(POLL_MILLISECONDS);
  }
}
