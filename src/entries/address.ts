/** Addresses are values: two with the same parts are equal, and none changes after it was made. */
export { IPv4Address, IPv6Address, literalAddress, UNIXAddress } from "../internet/address.ts";
