/**
 * Whose a TCP connection is: the machine that it comes from may tell. Names follow twisted.protocols.ident.
 * @see https://www.rfc-editor.org/rfc/rfc1413
 */
export {
  HiddenUser,
  type IdentAddress,
  IdentClient,
  IdentError,
  type Identity,
  IdentServer,
  InvalidPort,
  NoUser,
  ProcIdentServer,
} from "../../protocols/ident.ts";
