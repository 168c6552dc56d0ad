/** Tries an access token at an address: whether the server there takes it for dead. */

import type { Secret } from "./secret.ts";

/** `refused` is proof that the token is dead; `unknown` proves nothing. */
export type Probed = "accepted" | "refused" | "unknown";

export type ProbeToken = (accessToken: Secret) => Promise<Probed>;

const PROBE_MS = 5000;

/** A GET with the token as a bearer; a 401 says that it is dead. RFC 6750, section 3.1 */
export const httpProbe =
  (url: string): ProbeToken =>
  async (accessToken) => {
    try {
      const response = await fetch(url, {
        headers: { authorization: `Bearer ${accessToken.reveal()}` },
        redirect: "manual",
        signal: AbortSignal.timeout(PROBE_MS),
      });
      await response.body?.cancel();
      if (response.status === 401) return "refused";
      return response.ok ? "accepted" : "unknown";
    } catch {
      return "unknown";
    }
  };
