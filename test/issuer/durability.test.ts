/** Nothing leaves before it is durable, and nothing is consumed by what fails. */

import { strict as assert } from "node:assert";
import { connect } from "node:net";
import { test } from "node:test";
import { KetenError } from "../../src/env/error.ts";
import { policyOf } from "../../src/kernel/parse-policy.ts";
import type { Store } from "../../src/store/store.ts";
import { type Answered, stand } from "./stand.ts";

type Update = Store["update"];

type Around = (
  update: () => Promise<unknown>,
  /** Decides and writes nothing, as if the commit had been lost on its way. */
  dryRun: () => Promise<unknown>,
) => Promise<unknown>;

/** A store whose updates go through a function. */
function withUpdate(store: Store, around: Around): Store {
  return new Proxy(store, {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown;
      if (typeof member !== "function") return member;
      const bound = member.bind(target) as (...args: unknown[]) => Promise<unknown>;
      if (name !== "update") return bound;
      return ((keys: unknown, decide: (...args: unknown[]) => object) => {
        const decideOnly = (...args: unknown[]): object => ({ ...decide(...args), writes: [] });
        return around(
          () => bound(keys, decide),
          () => bound(keys, decideOnly),
        );
      }) as unknown as Update;
    },
  });
}

test("[ISS-19] no token leaves before its row is durable", async (t) => {
  let gate: Promise<void> | undefined;
  const reached = Promise.withResolvers<void>();
  const s = await stand(t, {
    wrap: (store) =>
      withUpdate(store, async (update) => {
        const result = await update();
        if (gate !== undefined) reached.resolve();
        await gate;
        return result;
      }),
  });
  const { promise, resolve: open } = Promise.withResolvers<void>();
  gate = promise;
  let answered = false;
  const refreshing = s.refresh(s.sandbox.refreshToken).then((answer) => {
    answered = true;
    return answer;
  });
  await reached.promise;
  // Other requests are answered meanwhile, so an answer would have arrived.
  for (let i = 0; i < 20; i += 1) await s.refresh("garbage");
  assert.equal(answered, false);
  gate = undefined;
  open();
  assert.equal((await refreshing).status, 200);
});

test("[ISS-18] a store that fails is answered with 503 and consumes nothing", async (t) => {
  let failing = false;
  const s = await stand(t, {
    wrap: (store) =>
      withUpdate(store, (update) => {
        if (!failing) return update();
        throw new KetenError("store_unavailable", "the disk is gone", { retryable: true });
      }),
  });
  failing = true;
  const { status, json, headers, text } = await s.refresh(s.sandbox.refreshToken);
  assert.deepEqual([status, json.error], [503, "temporarily_unavailable"]);
  assert.equal(headers.get("retry-after"), "1");
  assert.doesNotMatch(text, /disk/);
  failing = false;
  await s.next(s.sandbox.refreshToken);
});

test("[ISS-18, STO-09] an unknown commit is read back: granted if it is there, unknown if it is not", async (t) => {
  let lose: "none" | "after" | "before" = "none";
  const s = await stand(t, {
    wrap: (store) =>
      withUpdate(store, async (update, dryRun) => {
        const result = await (lose === "before" ? dryRun() : update());
        if (lose === "none") return result;
        throw new KetenError("commit_unknown", "the connection broke", { retryable: true });
      }),
  });
  lose = "before";
  assert.equal((await s.refresh(s.sandbox.refreshToken)).status, 503);
  lose = "after";
  const granted = await s.refresh(s.sandbox.refreshToken);
  assert.equal(granted.status, 200, granted.text);
  const redeemed = await s.redeem(
    await (async () => {
      lose = "none";
      const code = await s.code();
      lose = "after";
      return code;
    })(),
  );
  assert.equal(redeemed.status, 200, redeemed.text);
  lose = "none";
  await s.next(granted.json.refresh_token as string);
});

test("[ISS-18] a connection that is cut before the request is whole consumes nothing", async (t) => {
  const s = await stand(t);
  const { clientId, clientSecret, refreshToken, url, tokenEndpoint } = s.sandbox;
  const { port, hostname } = new URL(url);
  const body = new URLSearchParams({
    grant_type: "refresh_token",
    refresh_token: refreshToken,
    client_id: clientId,
    client_secret: clientSecret,
  }).toString();
  const head = [
    `POST ${new URL(tokenEndpoint).pathname} HTTP/1.1`,
    `Host: ${hostname}`,
    "Content-Type: application/x-www-form-urlencoded",
    `Content-Length: ${body.length}`,
  ];
  const whole = `${head.join("\r\n")}\r\n\r\n${body}`;
  const before = await s.dump();
  for (const part of [head[0]!.length, whole.length - body.length, whole.length - 1]) {
    const socket = connect(Number(port), hostname);
    await new Promise<void>((resolve) => {
      socket.on("error", () => {});
      socket.on("connect", () => socket.write(whole.slice(0, part), () => socket.destroy()));
      socket.on("close", () => resolve());
    });
  }
  await s.refresh("garbage");
  assert.equal(await s.dump(), before);
  await s.next(refreshToken);
});

test("[house] a token newer than its row is refused with an alarm: the store was rolled back", async (t) => {
  const s = await stand(t);
  const page = await s.store.list("chain", {});
  const { id, record } = page.records[0]!;
  const next = await s.next(s.sandbox.refreshToken);
  await s.store.update([{ kind: "chain", id }], () => ({ result: null, writes: [record] }));
  assert.equal((await s.refresh(next)).json.error, "invalid_grant");
  const alarms = (await s.store.events(0, 1000)).filter(({ type }) => type === "chain.ahead");
  assert.deepEqual(
    alarms.map(({ about, data }) => ({ about, data })),
    [{ about: id, data: { serial: 1, last: 0 } }],
  );
  await s.next(s.sandbox.refreshToken);
});

test("[house] a policy that one decision cannot hold is refused when it is registered", async (t) => {
  const cap = (per: "subject" | "client") => ({ per, max: 3, over: "refuse" }) as const;
  const both = policyOf({ caps: [cap("subject"), cap("client")] });
  for (const [per, other] of [
    ["subject", "client"],
    ["client", "subject"],
  ] as const) {
    const s = await stand(t);
    const { issuer, clientId } = s.sandbox;
    await assert.rejects(issuer.changePolicy(clientId, both), { code: "policy_invalid" });
    await issuer.changePolicy(clientId, policyOf({ caps: [cap(per)] }));
    const answers: Answered[] = [];
    for (let i = 0; i < 4; i += 1) answers.push(await s.redeem(await s.code({ username: per })));
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200, 200, 200, 400],
    );
    await s.next(answers[0]!.json.refresh_token as string);
    // Chains granted under the cap are still looked up in its list.
    const change = issuer.changePolicy(clientId, policyOf({ caps: [cap(other)] }));
    await assert.rejects(change, { code: "policy_invalid" });
  }
});
