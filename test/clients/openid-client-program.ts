/**
 * openid-client: a configuration, and functions on it. The response tells how long it lasts (`expiresIn`); the application
 * keeps the tokens.
 *
 * The library asks for https; `allowInsecureRequests` is its documented way to a server on loopback. Requests end after
 * 30 s, its default.
 */

import * as client from "openid-client";
import type { ClientProgram } from "./client-program.ts";

interface Kept {
  readonly accessToken?: string;
  readonly expiresAt: number;
  readonly refreshToken: string;
}

export const openidClientProgram: ClientProgram = {
  library: "openid-client",
  keeps: "a row per account",
  start({ tokenUrl, clientId, clientSecret, refreshToken }, row) {
    const server = { issuer: new URL(tokenUrl).origin, token_endpoint: tokenUrl };
    const config = new client.Configuration(server, clientId, clientSecret);
    client.allowInsecureRequests(config);
    const first: Kept = { refreshToken, expiresAt: 0 };
    return {
      async token() {
        const text = await row.read();
        const kept: Kept = text === undefined ? first : JSON.parse(text);
        if (kept.accessToken !== undefined && Date.now() < kept.expiresAt) return kept.accessToken;
        const tokens = await client.refreshTokenGrant(config, kept.refreshToken);
        const next: Kept = {
          accessToken: tokens.access_token,
          expiresAt: Date.now() + (tokens.expiresIn() ?? 0) * 1000,
          refreshToken: tokens.refresh_token ?? kept.refreshToken,
        };
        await row.write(JSON.stringify(next));
        return tokens.access_token;
      },
    };
  },
};
