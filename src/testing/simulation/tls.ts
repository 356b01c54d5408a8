/**
 * The TLS of simulated connections: the addon's, which needs no sockets. Its random numbers are not the simulation's, so
 * whatever depends on ciphertext must not reach the trace. Lengths do, by the segments that bytes are cut into: session
 * tickets are padded to be of the same one whatever numbers are in them. (ECDSA signatures are not: use keys of Ed25519 or
 * RSA.)
 */
import type { FilterProvider } from "../../internet/engine/filtertls.ts";
import { loadNative } from "../../native.ts";

export const simulatedTls: FilterProvider = {
  load(version) {
    try {
      return loadNative().tls.load(version);
    } catch (error) {
      return `the simulation has it from the native addon (${(error as Error).message})`;
    }
  },
  createRoots: (request) => loadNative().tls.createRoots(request),
  createContext: (request) => loadNative().tls.createContext({ ...request, evenTickets: true }),
  addName: (context, name, other) => loadNative().tls.addName(context, name, other),
  askAlways: (context) => loadNative().tls.askAlways(context),
  setTicketKeys: (context, keys) => loadNative().tls.setTicketKeys(context, keys),
  createFilter: (request) => loadNative().tls.createFilter(request),
};
