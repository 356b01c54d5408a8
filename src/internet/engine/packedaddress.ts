/** Encodes addresses for the arena, in the format of pack_address in native/net/address.h. */
import type { NativeAddress } from "../../native.ts";

/** The maximum size of a packed address: 4 bytes, and the longest UNIX socket path. */
export const PACKED_ADDRESS_MOST = 4 + 108;

/**
 * Write `address` to `memory`, from `at` on: family (4, 6 or 1), the length of all of it, port (2 bytes, little-endian),
 * then the host's 4 bytes, or its 16 bytes and the scope (4 bytes, little-endian), or a UNIX socket's path. Returns the
 * length.
 */
export function packAddress([family, host, port, scopeID]: NativeAddress, memory: Uint8Array, at: number): number {
  const length = packHost(family, host, scopeID, memory, at + 4) + 4;
  memory[at] = family;
  memory[at + 1] = length;
  memory[at + 2] = port & 255;
  memory[at + 3] = port >> 8;
  return length;
}

function packHost(family: number, host: string, scopeID: number, memory: Uint8Array, at: number): number {
  if (family === 1) return Buffer.from(memory.buffer, memory.byteOffset, memory.length).write(host, at);
  if (family === 4) {
    packIPv4(host, memory, at);
    return 4;
  }
  packIPv6(host, memory, at);
  for (let i = 0; i < 4; i++) memory[at + 16 + i] = (scopeID >>> (8 * i)) & 255;
  return 20;
}

function packIPv4(host: string, memory: Uint8Array, at: number): void {
  for (const [i, byte] of host.split(".").entries()) memory[at + i] = Number(byte);
}

/** "::" stands for as many zeros as are missing, and the last two words may be written as an IPv4 address. */
function packIPv6(host: string, memory: Uint8Array, at: number): void {
  memory.fill(0, at, at + 16);
  const [head = "", tail] = host.split("::");
  packWords(head, memory, at);
  if (tail !== undefined) packWords(tail, memory, at + 16 - wordBytes(tail));
}

function packWords(text: string, memory: Uint8Array, at: number): void {
  if (text === "") return;
  let to = at;
  for (const word of text.split(":")) {
    if (word.includes(".")) {
      packIPv4(word, memory, to);
      return;
    }
    const value = Number.parseInt(word, 16);
    memory[to] = value >> 8;
    memory[to + 1] = value & 255;
    to += 2;
  }
}

function wordBytes(text: string): number {
  if (text === "") return 0;
  return 2 * text.split(":").length + (text.includes(".") ? 2 : 0);
}
