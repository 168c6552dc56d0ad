/**
 * simple-oauth2: an `AccessToken` that knows when it expired and refreshes itself into another one. Its manual: persist it
 * as JSON, get it back by `createToken`, and keep what `refresh` gives.
 */

import { AuthorizationCode } from "simple-oauth2";
import type { ClientProgram } from "./client-program.ts";

export const simpleOauth2Program: ClientProgram = {
  library: "simple-oauth2",
  keeps: "a row per account",
  start({ tokenUrl, clientId, clientSecret, refreshToken }, row) {
    const { origin, pathname } = new URL(tokenUrl);
    const client = new AuthorizationCode({
      client: { id: clientId, secret: clientSecret },
      auth: { tokenHost: origin, tokenPath: pathname },
    });
    const first = { refresh_token: refreshToken, expires_in: 0 };
    return {
      async token() {
        const text = await row.read();
        let accessToken = client.createToken(text === undefined ? first : JSON.parse(text));
        if (accessToken.expired()) {
          accessToken = await accessToken.refresh();
          await row.write(JSON.stringify(accessToken));
        }
        return accessToken.token.access_token as string;
      },
    };
  },
};
