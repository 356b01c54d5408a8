/** The reactor over kqueue(2), for macOS and the BSDs. */
export { install, KQueueReactor } from "../internet/reactor/kqueue.ts";
