/** The errors of memcached commands. */
import { SkeinError } from "../../internet/error.ts";

/** The server does not know the command. */
export class NoSuchCommand extends SkeinError {
  override readonly code: string = "ERR_MEMCACHE_NO_SUCH_COMMAND";
  constructor(message = "The memcached server does not know the command: its version may be too old.") {
    super(message);
  }
}
/** The arguments are invalid, or the server rejected the command. */
export class ClientError extends SkeinError {
  override readonly code: string = "ERR_MEMCACHE_CLIENT";
}
/** The server could not execute the command, or violated the protocol. */
export class ServerError extends SkeinError {
  override readonly code: string = "ERR_MEMCACHE_SERVER";
}
