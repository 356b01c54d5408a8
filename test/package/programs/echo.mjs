// The conversation, from an ECMAScript module.
import * as skein from "skein";
import { reactor } from "skein/reactor";
import { converse } from "./converse.cjs";

await converse(skein, reactor);
