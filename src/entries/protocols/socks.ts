/** SOCKS 4 and 4a: a server, and an endpoint that connects through one. Names follow twisted.protocols.socks. */
export {
  SOCKS4ClientEndpoint,
  type SOCKS4ClientOptions,
  SOCKSError,
  type SOCKSLog,
  type SOCKSOptions,
  type SOCKSReactor,
  SOCKSv4,
  SOCKSv4Factory,
} from "../../protocols/socks.ts";
