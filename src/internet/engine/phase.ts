/** The states of a connection in an engine in TypeScript: those of native/engine/connection.h, where the picture stands. */
export const Phase = { CONNECTING: 0, OPEN: 1, FLUSHING: 2, LINGERING: 3, CLOSED: 4 } as const;
