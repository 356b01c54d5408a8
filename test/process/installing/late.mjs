/** Static imports in the wrong order. */

import { install } from "skein/pollreactor";
import { reactor } from "skein/reactor";
import { tell } from "./tell.cjs";

console.log(reactor.name);
tell(install);
