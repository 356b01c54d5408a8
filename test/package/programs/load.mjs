// Loads the addon, and nothing more.
import { SelectReactor } from "skein/selectreactor";

new SelectReactor();
console.log("loaded");
