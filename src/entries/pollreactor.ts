/** The reactor over poll(2), for every POSIX system. */
export { install, PollReactor } from "../internet/reactor/poll.ts";
