/** For tests that play a peer: programs have bounds for peers that do nothing, and a test may stand still by no choice of its own. */

const LOOK_MS = 10;

/**
 * What `attempt` resolves to. It is made anew when it has failed and this process, meanwhile, did nothing for `mostMs` or
 * longer: then the failure says nothing about the program that it talked to.
 */
export async function attentively<T>(mostMs: number, attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    let absent = 0;
    let at = performance.now();
    const look = () => {
      const now = performance.now();
      absent = Math.max(absent, now - at);
      at = now;
    };
    const looking = setInterval(look, LOOK_MS);
    try {
      return await attempt();
    } catch (error) {
      look();
      if (absent < mostMs) throw error;
    } finally {
      clearInterval(looking);
    }
  }
}
