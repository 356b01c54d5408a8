/** The ways in which connections of random sequences go through TLS. */
import { clientTLS, serverTLS, VERSIONS } from "../helpers/secure.ts";
import type { Securing } from "./lane.ts";

/** Made once: whoever shares the options resumes sessions. */
export const SECURINGS: readonly Securing[] = VERSIONS.flatMap((version) => {
  const ofServer = serverTLS({ raiseMinimumTo: version, lowerMaximumSecurityTo: version });
  const ofClient = clientTLS();
  return [
    { name: version, ofServer, ofClient, later: false },
    { name: `${version} by startTLS()`, ofServer, ofClient, later: true },
  ];
});
