/** How often the longest tests repeat what they do. */

const FRACTION = Number(process.env.SKEIN_VOLUME ?? 1);

/** `times`, or the fraction of it that SKEIN_VOLUME names, for machines that are emulated. */
export function volume(times: number): number {
  return Math.ceil(times * FRACTION);
}
