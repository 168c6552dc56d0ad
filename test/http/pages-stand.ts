/** A stand-in whose pages are looked at: what a client asks, and an owner who answers. */

import { strict as assert } from "node:assert";
import type { TestContext } from "node:test";
import { Secret } from "../../src/env/secret.ts";
import { type AuthorizationRules, STANDARD_AUTHORIZATION } from "../../src/http/authorize-rules.ts";
import type { Accounts, NewAccount } from "../../src/issuer/accounts.ts";
import { challengeOf } from "../../src/issuer/code-format.ts";
import { totpCode } from "../../src/issuer/totp.ts";
import { type Stand, type StandOptions, stand } from "../issuer/stand.ts";
import { type Surfer, surfer, type Visited } from "../support/surfer.ts";

export const VERIFIER = "v".repeat(43);
export const CALLBACK = "http://127.0.0.1:4321/callback";
export const TOTP_SECRET = new Secret("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP");

/** Undefined leaves a parameter out. */
export type Ask = Readonly<Record<string, string | undefined>>;

export interface PagesStand extends Stand {
  readonly accounts: Accounts;
  /** The address of an authorization request, good unless told otherwise. */
  url(ask?: Ask): string;
  addOwner(owner?: Partial<NewAccount>): Promise<{ username: string; password: string }>;
  code(): Promise<string>;
  /** The code of the second factor, now. */
  totp(): string;
  /** The whole way to the client: login, second factor where there is one, consent. */
  allow(browser: Surfer, ask?: Ask, owner?: Owner): Promise<URL>;
}

export interface Owner {
  readonly username: string;
  readonly password: string;
}

export interface PagesStandOptions extends Omit<StandOptions, "provider"> {
  readonly rules?: Partial<AuthorizationRules>;
  readonly provider?: StandOptions["provider"];
}

export async function pagesStand(
  t: TestContext,
  { rules, provider, ...options }: PagesStandOptions = {},
): Promise<PagesStand> {
  const authorization = { ...STANDARD_AUTHORIZATION, ...rules };
  const s = await stand(t, { provider: { authorization, ...provider }, ...options });
  const [realm] = s.sandbox.control.realms.list();
  assert.ok(realm);
  const { accounts } = realm;
  const totp = (): string => totpCode(TOTP_SECRET, s.clock.now());
  const url = (ask: Ask = {}): string => {
    const address = new URL(s.sandbox.authorizationEndpoint);
    for (const [name, value] of Object.entries({ ...goodRequest(s), ...ask })) {
      if (value !== undefined) address.searchParams.set(name, value);
    }
    return address.href;
  };
  return {
    ...s,
    accounts,
    totp,
    url,
    async addOwner(owner = {}) {
      const password = "open sesame";
      const account = { username: "alice", password: new Secret(password), ...owner };
      await accounts.add(account);
      return { username: account.username, password };
    },
    async allow(browser, ask = {}, owner = s.sandbox) {
      const { username, password } = owner;
      let page = await browser.open(url(ask));
      if (page.title === "Sign in") page = await browser.submit(page, { username, password });
      if (page.title === "One more step") page = await browser.submit(page, { code: totp() });
      if (!page.left) page = await browser.submit(page, { answer: "allow" });
      assert.ok(page.left, `${page.status} ${page.title}`);
      return page.left;
    },
  };
}

const goodRequest = ({ sandbox }: Stand): Ask => ({
  client_id: sandbox.clientId,
  response_type: "code",
  redirect_uri: CALLBACK,
  state: "as it came",
  code_challenge: challengeOf(VERIFIER),
  code_challenge_method: "S256",
});

/** What an answer at the redirect URI says. */
export const answered = ({ left }: Visited): Record<string, string> =>
  Object.fromEntries(left?.searchParams ?? []);

export { surfer };
