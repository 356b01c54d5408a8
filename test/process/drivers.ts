/** Every behaviour of a process holds on both drivers. */
export const DRIVERS = ["pollable", "waiter"] as const;

export function driverOf(round: number): string {
  return DRIVERS[round % DRIVERS.length]!;
}
