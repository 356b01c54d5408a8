/** The address of a UNIX socket, as a PROXY header tells it. */
export class UNIXAddress {
  readonly type = "UNIX";
  /** The socket's path; "" when it has none. */
  readonly name: string;
  /** The same, under the name that other addresses have for theirs. */
  readonly host: string;
  /** A UNIX socket has no port. */
  readonly port = 0;

  constructor(name: string) {
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
