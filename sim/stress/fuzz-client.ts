/**
 * One fuzzing client: an owner of its own, what it was granted, and a connection. It knows what a request of its may
 * change, and looks afterwards whether that was all.
 *
 * 1. A refused request writes no row of its owner's: neither the chain nor the authorization.
 * 2. A granted one carried the right secret and a token or code that was open, as a parser reads it that is not the
 *    server's.
 * 3. No status is 500 or more, every request is answered, and no error repeats a secret or a token.
 */

import { hash } from "node:crypto";
import type { KetenUnderTest } from "../../test/conformance/keten-server.ts";
import {
  type Answer,
  type Form,
  granted,
  redeem,
} from "../../test/conformance/server-under-test.ts";
import { Stream } from "../run/random-stream.ts";
import type { Violations } from "./campaign.ts";
import type { CountingStore } from "./counting-store.ts";
import {
  bodyOf,
  bytesOf,
  type Draft,
  draftOf,
  type Ingredients,
  MUTATIONS,
  type Pair,
} from "./fuzz-request.ts";
import { Wire } from "./wire.ts";

const NAMES = Object.keys(MUTATIONS);
/** How many mutations a request gets, by weight. */
const COUNTS = [
  [0, 1],
  [1, 6],
  [2, 4],
  [3, 2],
  [5, 1],
] as const;
/** The server reads no longer bodies, and may hang up while one is on its way. */
const BODY_MAX = 32 * 1024;

/** A chain, and a code of another owner: where a second grant ends the first, redeeming it changes nothing here. */
interface Held {
  readonly grant: Form;
  refreshToken: string;
  readonly accessToken: string;
  code: Form;
}

export class FuzzClient {
  readonly #server: KetenUnderTest;
  readonly #counted: CountingStore;
  readonly #violations: Violations;
  readonly #stream: Stream;
  readonly #wire: Wire;
  readonly #paths: Readonly<Record<"token" | "revocation" | "introspection", string>>;
  #held: Held | undefined;
  #lines: string[] = [];
  /** Of all that was asked and answered so far. */
  digest = "";
  granted = 0;
  refused = 0;
  /** Every row that may be written for an owner it ever had. */
  readonly rows = new Set<string>();

  constructor(options: {
    readonly server: KetenUnderTest;
    readonly counted: CountingStore;
    readonly violations: Violations;
    readonly seed: string;
  }) {
    this.#server = options.server;
    this.#counted = options.counted;
    this.#violations = options.violations;
    this.#stream = new Stream(options.seed, "fuzz");
    this.#wire = new Wire(Number(new URL(options.server.endpoints.token).port));
    const { token, revocation, introspection } = options.server.endpoints;
    const pathOf = (url: string): string => new URL(url).pathname;
    this.#paths = {
      token: pathOf(token),
      revocation: pathOf(revocation),
      introspection: pathOf(introspection),
    };
  }

  /** Another owner and chain; `reopen` must follow. */
  async renew(): Promise<void> {
    const grant = await this.#openCode();
    const tokens = granted(await redeem(this.#server, grant), "a fresh code");
    this.#held = { ...tokens, refreshToken: tokens.refreshToken ?? "", grant, code: {} };
  }

  /** Another code. */
  async reopen(): Promise<void> {
    const code = await this.#openCode();
    if (this.#held) this.#held.code = code;
  }

  async #openCode(): Promise<Form> {
    const code = await this.#server.openCode();
    for (const row of this.#server.rowsOf(code)) this.rows.add(row);
    return code;
  }

  close(): void {
    this.#wire.close();
  }

  async one(): Promise<void> {
    const held = this.#held;
    if (!held) throw new TypeError("renew comes first");
    const stream = this.#stream;
    const draft = this.#draft(held);
    const names: string[] = [];
    for (let count = stream.weighted(COUNTS); count > 0; count -= 1) {
      const name = stream.pick(NAMES);
      names.push(name);
      MUTATIONS[name]?.(draft, stream, this.#ingredients(held));
    }
    const body = bodyOf(draft);
    const keys = [held.grant, held.code].flatMap((code) => this.#server.rowsOf(code));
    const rows = (): number => keys.reduce((sum, key) => sum + this.#counted.writesOf(key), 0);
    const before = rows();
    const answer = await this.#wire.exchange(bytesOf(draft, body), draft.method === "HEAD");
    const wrote = rows() - before;
    const cut = answer.status === 0 && body.length > BODY_MAX;
    const error = String(answer.json.error ?? "");
    this.#note(
      `${draft.method} ${draft.path} ${names.join()} ${cut ? 413 : answer.status} ${error}`,
    );
    const what = `${names.join("+") || "proper"} ${draft.method} ${draft.path}${draft.query}`;
    this.#judge(what, body, answer, wrote, cut);
    if ("access_token" in answer.json) await this.#takeIn(what, draft, body, answer);
  }

  #draft({ refreshToken, accessToken, code }: Held): Draft {
    const { token, revocation, introspection } = this.#paths;
    const { clientId, clientSecret } = this.#server.client;
    const client: readonly Pair[] = [
      ["client_id", clientId],
      ["client_secret", clientSecret],
    ];
    const pairs = Object.entries(code) as [string, string][];
    switch (
      this.#stream.weighted([
        ["refresh", 6],
        ["code", 2],
        ["introspect", 1],
        ["revoke", 1],
      ] as const)
    ) {
      case "refresh": {
        const grant: Pair = ["grant_type", "refresh_token"];
        return draftOf(token, [grant, ["refresh_token", refreshToken], ...client]);
      }
      case "code":
        return draftOf(token, [["grant_type", "authorization_code"], ...pairs, ...client]);
      case "introspect":
        return draftOf(introspection, [["token", accessToken], ...client]);
      default:
        return draftOf(revocation, [["token", `${accessToken}A`], ...client]);
    }
  }

  #ingredients({ accessToken }: Held): Ingredients {
    const { token, introspection } = this.#paths;
    return {
      ...this.#server.client,
      otherClient: this.#server.otherClient,
      paths: [token, introspection, `${token}/`, `/${token}`, `${token}/%zz`, token.toUpperCase()],
      wrongTokens: ["garbage", `${accessToken}x`, "A".repeat(120), "\0", "ключ", "{}"],
    };
  }

  #judge(what: string, body: string, answer: Answer, wrote: number, cut: boolean): void {
    const { status, text } = answer;
    const violate = (wrong: string): void =>
      this.#violations.add(`${this.#server.name}: ${what}: ${wrong}`);
    if (status === 0 && !cut) violate("no answer");
    if (status >= 500) violate(`${status} ${text}`);
    if (status === 200) return;
    this.refused += 1;
    if (wrote > 0) violate(`refused with ${status}, but ${wrote} rows were written`);
    const { refreshToken = "" } = this.#held ?? {};
    // A vendor's words may name the client that was asked for, which a broken separator makes anything.
    const named = new URLSearchParams(body).get("client_id") ?? "";
    for (const secret of [this.#server.client.clientSecret, refreshToken]) {
      if (named.includes(secret)) continue;
      if (text.includes(secret)) violate(`the error repeats a secret: ${status} ${text}`);
    }
  }

  /** Checks that a granted request deserved it, and keeps what it was given. */
  async #takeIn(what: string, draft: Draft, body: string, { json }: Answer): Promise<void> {
    const held = this.#held;
    if (!held) return;
    this.granted += 1;
    const asked = new URLSearchParams(body);
    const deserved =
      asked.get("grant_type") === "refresh_token"
        ? asked.get("refresh_token") === held.refreshToken
        : asked.get("code") === held.code.code &&
          asked.get("code_verifier") === held.code.code_verifier;
    if (!deserved || !this.#isAuthentic(draft, asked)) {
      this.#violations.add(`${this.#server.name}: ${what}: granted to nobody known`);
    }
    if (asked.get("grant_type") === "refresh_token") {
      if (typeof json.refresh_token === "string") held.refreshToken = json.refresh_token;
    } else await this.reopen();
  }

  #isAuthentic({ headers }: Draft, asked: URLSearchParams): boolean {
    const { clientId, clientSecret } = this.#server.client;
    if (asked.get("client_id") === clientId && asked.get("client_secret") === clientSecret) {
      return true;
    }
    const header = headers.find(([name]) => name === "authorization")?.[1] ?? "";
    const pair = Buffer.from(header.replace(/^basic /i, ""), "base64").toString("utf8");
    return pair === [clientId, clientSecret].map(encodeURIComponent).join(":");
  }

  #note(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length >= 1000) this.settleDigest();
  }

  /** Takes the newest lines into the digest. */
  settleDigest(): void {
    this.digest = hash("sha256", [this.digest, ...this.#lines].join("\n"));
    this.#lines = [];
  }
}
