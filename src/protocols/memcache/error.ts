/** The errors of memcached commands. */
import { SkeinError } from "../../internet/error.ts";
import { printable } from "../../logger/printable.ts";

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

/** The error that a line of a reply stands for; null if it is none. */
export function errorIn(line: string): NoSuchCommand | ClientError | ServerError | null {
  if (line === "ERROR") return new NoSuchCommand();
  if (line.startsWith("CLIENT_ERROR")) return new ClientError(`memcached rejected the command: ${reason(line)}.`);
  if (line.startsWith("SERVER_ERROR"))
    return new ServerError(`memcached could not execute the command: ${reason(line)}.`);
  return null;
}

/** What the server says after the kind of the error, which takes 12 characters and a space. */
function reason(line: string): string {
  return printable(line.slice(13));
}
