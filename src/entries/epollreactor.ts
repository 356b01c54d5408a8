/** The reactor over epoll(7), for Linux. */
export { EPollReactor, install } from "../internet/reactor/epoll.ts";
