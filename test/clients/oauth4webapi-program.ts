/**
 * oauth4webapi: functions without state. The application keeps the token response, and when it was received.
 *
 * The library asks for https; `allowInsecureRequests` is its documented way to a server on loopback.
 */

import * as oauth from "oauth4webapi";
import type { ClientProgram } from "./client-program.ts";

interface Kept {
  readonly accessToken?: string;
  readonly expiresAt: number;
  readonly refreshToken: string;
}

export const oauth4webapiProgram: ClientProgram = {
  library: "oauth4webapi",
  keeps: "a row per account",
  start({ tokenUrl, clientId, clientSecret, refreshToken }, row) {
    const server = { issuer: new URL(tokenUrl).origin, token_endpoint: tokenUrl };
    const client = { client_id: clientId };
    const authentication = oauth.ClientSecretBasic(clientSecret);
    const first: Kept = { refreshToken, expiresAt: 0 };
    return {
      async token() {
        const text = await row.read();
        const kept: Kept = text === undefined ? first : JSON.parse(text);
        if (kept.accessToken !== undefined && Date.now() < kept.expiresAt) return kept.accessToken;
        const response = await oauth.refreshTokenGrantRequest(
          server,
          client,
          authentication,
          kept.refreshToken,
          { [oauth.allowInsecureRequests]: true },
        );
        const tokens = await oauth.processRefreshTokenResponse(server, client, response);
        const next: Kept = {
          accessToken: tokens.access_token,
          expiresAt: Date.now() + (tokens.expires_in ?? 0) * 1000,
          refreshToken: tokens.refresh_token ?? kept.refreshToken,
        };
        await row.write(JSON.stringify(next));
        return tokens.access_token;
      },
    };
  },
};
