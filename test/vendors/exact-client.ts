/**
 * A client of Exact Online as the public ones are: it refreshes half a minute before the access token ends, and once more
 * after a 401; takes "not expired yet" for a success; turns pages; and waits as the rate headers say.
 */

import { strict as assert } from "node:assert";

export interface ExactClientOptions {
  readonly url: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly refreshToken: string;
  readonly now: () => number;
  readonly wait: (milliseconds: number) => void;
}

export interface RateLimits {
  readonly dailyLeft: number | null;
  readonly minutelyLeft: number | null;
  readonly minutelyResetAt: number | null;
}

export interface ExactClient {
  /** Every row of a resource, over all pages. */
  all(path: string): Promise<readonly Record<string, unknown>[]>;
  /** A tampered access token, as after a restart with a stale one. */
  spoil(): void;
  readonly refreshes: number;
  readonly waited: number;
  readonly limits: RateLimits;
}

interface Page {
  readonly d: { readonly results: readonly Record<string, unknown>[]; readonly __next?: string };
}

export function exactClient(options: ExactClientOptions): ExactClient {
  const { url, clientId, clientSecret, now, wait } = options;
  let { refreshToken } = options;
  let accessToken = "";
  let endsAt = 0;
  let refreshes = 0;
  let waited = 0;
  let limits: RateLimits = { dailyLeft: null, minutelyLeft: null, minutelyResetAt: null };

  const refresh = async (): Promise<void> => {
    const response = await fetch(`${url}/api/oauth2/token`, {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "refresh_token",
        refresh_token: refreshToken,
        client_id: clientId,
        client_secret: clientSecret,
      }),
    });
    const answer = (await response.json()) as Record<string, unknown>;
    if (answer.error_description === "Rate limit exceeded: access_token not expired") return;
    assert.equal(response.status, 200, JSON.stringify(answer));
    // Clients check it with string functions.
    assert.match(answer.expires_in as string, /^\d+$/);
    refreshToken = answer.refresh_token as string;
    accessToken = answer.access_token as string;
    endsAt = now() + Number(answer.expires_in) * 1000;
    refreshes += 1;
  };
  const note = ({ headers }: Response): void => {
    const number = (name: string): number | null => {
      const text = headers.get(name);
      return text === null ? null : Number(text);
    };
    const resets = ["x-ratelimit-reset", "x-ratelimit-minutely-reset"].map(number);
    for (const at of resets) {
      assert.ok(at === null || (at > 1_638_448_971_000 && at < 9_999_999_999_999), `reset ${at}`);
    }
    limits = {
      dailyLeft: number("x-ratelimit-remaining"),
      minutelyLeft: number("x-ratelimit-minutely-remaining"),
      minutelyResetAt: number("x-ratelimit-minutely-reset"),
    };
  };
  const get = async (address: string, tries = 3): Promise<Page> => {
    assert.ok(tries > 0, `no answer from ${address}`);
    if (now() >= endsAt - 30_000) await refresh();
    const headers = { authorization: `Bearer ${accessToken}`, accept: "application/json" };
    const response = await fetch(address, { headers });
    note(response);
    if (response.status === 401) {
      await response.arrayBuffer();
      await refresh();
      return get(address, tries - 1);
    }
    if (response.status === 429) {
      assert.equal(await response.text(), "");
      const until = (limits.minutelyResetAt ?? now() + 60_000) - now();
      waited += until;
      wait(until);
      return get(address, tries - 1);
    }
    assert.equal(response.status, 200, await response.clone().text());
    return (await response.json()) as Page;
  };
  return {
    async all(path) {
      const rows: Record<string, unknown>[] = [];
      for (let next: string | undefined = `${url}/api/v1/${path}`; next; ) {
        const page: Page = await get(next);
        rows.push(...page.d.results);
        next = page.d.__next;
      }
      return rows;
    },
    spoil() {
      accessToken = accessToken.replace(/.{4}$/, "AAAA");
    },
    get refreshes() {
      return refreshes;
    },
    get waited() {
      return waited;
    },
    get limits() {
      return limits;
    },
  };
}
