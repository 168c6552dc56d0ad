/**
 * google-auth-library, told another token endpoint by `endpoints.oauth2TokenUrl`. Its manual: `setCredentials`, then
 * `getAccessToken`, which refreshes by itself when five minutes are left; the event `tokens` tells of new ones, "store the
 * refresh_token in my database!". By default it sends a POST again that failed or was not answered.
 *
 * There are two ways to use it, and people use both. Web applications with many accounts make a client per piece of work
 * from the account's row. Services with one account make one client and keep it: the event fills the row, which is read
 * when the service starts again.
 */

import { type Credentials, OAuth2Client } from "google-auth-library";
import type { ClientProgram, ClientSettings, Row } from "./client-program.ts";

interface Opened {
  readonly client: OAuth2Client;
  /** Waits until what the event told is stored. */
  stored(): Promise<void>;
}

async function openClient(settings: ClientSettings, row: Row): Promise<Opened> {
  const { tokenUrl, clientId, clientSecret, refreshToken } = settings;
  const text = await row.read();
  let kept: Credentials = text === undefined ? { refresh_token: refreshToken } : JSON.parse(text);
  const client = new OAuth2Client({
    clientId,
    clientSecret,
    endpoints: { oauth2TokenUrl: tokenUrl },
  });
  client.setCredentials(kept);
  let storing = Promise.resolve();
  client.on("tokens", (tokens) => {
    const { refresh_token = kept.refresh_token } = tokens;
    kept = { ...tokens, ...(refresh_token === undefined ? {} : { refresh_token }) };
    storing = row.write(JSON.stringify(kept));
  });
  return { client, stored: () => storing };
}

async function tokenOf({ client, stored }: Opened): Promise<string> {
  const { token } = await client.getAccessToken();
  await stored();
  if (!token) throw new Error("getAccessToken gave no token");
  return token;
}

export const googlePerJobProgram: ClientProgram = {
  library: "google-auth-library",
  keeps: "a client per job",
  start: (settings, row) => ({
    token: async () => tokenOf(await openClient(settings, row)),
  }),
};

export const googleKeptProgram: ClientProgram = {
  library: "google-auth-library",
  keeps: "one client kept",
  start(settings, row) {
    let opening: Promise<Opened> | undefined;
    return {
      async token() {
        opening ??= openClient(settings, row);
        return tokenOf(await opening);
      },
    };
  },
};
