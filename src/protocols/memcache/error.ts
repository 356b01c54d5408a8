/** What can go wrong between a memcached server and its client. */
import { SkeinError } from "../../internet/error.ts";

/** The server does not know the command. */
export class NoSuchCommand extends SkeinError {
  override readonly code: string = "ERR_MEMCACHE_NO_SUCH_COMMAND";
  constructor(message = "The memcached server does not know the command: it may be too old for it.") {
    super(message);
  }
}
/** The caller asked for what cannot be done. */
export class ClientError extends SkeinError {
  override readonly code: string = "ERR_MEMCACHE_CLIENT";
}
/** The server could not do it, or does not follow the protocol. */
export class ServerError extends SkeinError {
  override readonly code: string = "ERR_MEMCACHE_SERVER";
}
