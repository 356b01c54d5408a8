/** The address of a UNIX socket in a PROXY header. */
import { check } from "../../internet/arguments/check.ts";
import { text } from "../../internet/arguments/kinds.ts";

/** The address of a UNIX socket. */
export class UNIXAddress {
  readonly type = "UNIX";
  /** The path of the socket; "" for an unnamed one. */
  readonly name: string;
  /** The same as `name`: other addresses have a `host`. */
  readonly host: string;
  /** A UNIX socket has no port. */
  readonly port = 0;

  /** @throws TypeError */
  constructor(name: string) {
    check("new UNIXAddress(name)", "name", name, text);
    this.name = name;
    this.host = name;
  }

  equals(other: unknown): boolean {
    return other instanceof UNIXAddress && other.name === this.name;
  }

  toString(): string {
    return `unix:${this.name}`;
  }
}
