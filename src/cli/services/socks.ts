/** `skein serve socks`. */
import { msg } from "../../logger/log.ts";
import { SOCKSv4Factory } from "../../protocols/socks.ts";
import { declare } from "../service.ts";

export const socks = declare({
  summary: "a SOCKS 4 and 4a proxy, without authentication: listen on a trusted interface only",
  warning: ["Whoever reaches it connects to other hosts in the name of this machine."],
  make: (reactor) => ({ factory: new SOCKSv4Factory(reactor, msg) }),
});
