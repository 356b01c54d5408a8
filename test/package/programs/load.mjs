// Loads the addon, and nothing more.
import { EPollReactor } from "skein/epollreactor";

new EPollReactor();
console.log("loaded");
