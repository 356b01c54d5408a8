/** Bun.listen as an echo server. `--writes N` answers in N writes. Run by Bun, not by Node. */
import { parseArgs } from "node:util";
import { listen } from "./bun-echo.mjs";

const { values } = parseArgs({ args: Bun.argv.slice(2), options: { writes: { type: "string", default: "1" } } });
listen({ writes: Number(values.writes) });
