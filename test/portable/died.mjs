/** The status that says: what plays the platform has died of itself (EX_TEMPFAIL of BSD's sysexits.h). */
export const DIED = 75;
