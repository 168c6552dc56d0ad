/**
 * @badgateway/oauth2-client, in the two ways of its manual: `refreshToken`, where the application keeps the token, and
 * `OAuth2Fetch`, which keeps it in memory, reads the stored one when it begins and tells of each new one (`storeToken`).
 *
 * `scheduleRefresh` is off, as the manual offers: the wrapper's own timer runs in real time, which a test that skips time
 * cannot wait for. The wrapper then refreshes when it is asked for a token.
 */

import { OAuth2Client, OAuth2Fetch, type OAuth2Token } from "@badgateway/oauth2-client";
import type { ClientProgram, ClientSettings } from "./client-program.ts";

function clientOf({ tokenUrl, clientId, clientSecret }: ClientSettings): OAuth2Client {
  const { origin, pathname } = new URL(tokenUrl);
  return new OAuth2Client({ server: origin, tokenEndpoint: pathname, clientId, clientSecret });
}

const firstToken = ({ refreshToken }: ClientSettings): OAuth2Token => ({
  accessToken: "",
  expiresAt: 0,
  refreshToken,
});

export const badgatewayClientProgram: ClientProgram = {
  library: "@badgateway/oauth2-client",
  keeps: "a row per account",
  start(settings, row) {
    const client = clientOf(settings);
    return {
      async token() {
        const text = await row.read();
        const token: OAuth2Token = text === undefined ? firstToken(settings) : JSON.parse(text);
        if (token.expiresAt === null || Date.now() < token.expiresAt) return token.accessToken;
        const next = await client.refreshToken(token);
        await row.write(JSON.stringify(next));
        return next.accessToken;
      },
    };
  },
};

export const badgatewayFetchProgram: ClientProgram = {
  library: "@badgateway/oauth2-client",
  keeps: "its OAuth2Fetch kept",
  start(settings, row) {
    let storing = Promise.resolve();
    const wrapper = new OAuth2Fetch({
      client: clientOf(settings),
      scheduleRefresh: false,
      getStoredToken: async () => {
        const text = await row.read();
        return text === undefined ? firstToken(settings) : JSON.parse(text);
      },
      storeToken: (token) => {
        storing = row.write(JSON.stringify(token));
      },
      // A person would have to consent again.
      getNewToken: () => null,
    });
    return {
      async token() {
        const token = await wrapper.getAccessToken();
        await storing;
        return token;
      },
    };
  },
};
