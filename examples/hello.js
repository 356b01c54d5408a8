// @ts-check
/**
 * The smallest program: the reactor runs, calls a function, and stops.
 *
 *   node examples/hello.js
 *
 * Which reactor it is depends on the platform. To choose one, import it before `skein/reactor`, as in
 * `import "skein/install/epoll"`, or set SKEIN_REACTOR=epoll in the environment.
 */
import { reactor } from "skein/reactor";

/** @param {string} text */
function greet(text) {
  console.log(text);
  reactor.stop();
}

// The arguments behind the function are passed on to it.
reactor.callWhenRunning(greet, "hello, skein");
await reactor.run();
console.log(`The ${reactor.name} reactor has stopped.`);
