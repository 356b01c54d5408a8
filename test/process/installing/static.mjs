/** Static imports: a reactor chosen by side effect, then another one. */
import "skein/install/poll";
import { reactor } from "skein/reactor";
import { install } from "skein/selectreactor";
import { tell } from "./tell.cjs";

console.log(reactor.name);
tell(install);
