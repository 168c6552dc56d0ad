/** A client of Exact Online against the stand-in: everything that the public ones call, over a working day. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { exactClient } from "./exact-client.ts";
import { exactStand, HOUR, MINUTE, SECOND } from "./exact-stand.ts";

test("[A28, F01] a client reads companies, customers and items all day, through 401s, pages and limits", async (t) => {
  const s = await exactStand(t);
  const { url, clientId, clientSecret, refreshToken } = s.sandbox;
  const now = () => s.clock.now();
  const wait = (milliseconds: number) => s.clock.advance(milliseconds);
  const client = exactClient({ url, clientId, clientSecret, refreshToken, now, wait });
  const count = async (path: string) => (await client.all(path)).length;
  const [me] = await client.all("current/Me?$select=CurrentDivision");
  const division = me!.CurrentDivision as number;
  assert.equal(await count(`${division}/hrm/Divisions`), 3);
  assert.equal(await count(`${division}/system/Divisions`), 3);
  for (let hour = 0; hour < 8; hour += 1) {
    assert.equal(await count(`${division}/crm/Accounts?$select=ID,Name`), 135);
    assert.equal(await count(`${division}/logistics/Items`), 75);
    s.clock.advance(HOUR);
  }
  assert.equal(client.refreshes, 8, "one an hour, each when it was needed");
  const { dailyLeft, minutelyLeft } = client.limits;
  assert.deepEqual([dailyLeft, minutelyLeft], [5000 - 2 - 8 * 5, 60 - 5]);
});

test("[A28] more than sixty calls in a minute: the client waits as the headers say, and goes on", async (t) => {
  const s = await exactStand(t);
  const { url, clientId, clientSecret, refreshToken } = s.sandbox;
  const now = () => s.clock.now();
  const wait = (milliseconds: number) => s.clock.advance(milliseconds);
  const client = exactClient({ url, clientId, clientSecret, refreshToken, now, wait });
  const [me] = await client.all("current/Me");
  const path = `${me!.CurrentDivision}/logistics/Items?$top=1`;
  for (let call = 0; call < 130; call += 1) await client.all(path);
  assert.equal(client.waited, 2 * MINUTE);
  assert.equal(client.limits.minutelyLeft, 60 - 10);
});

test("[A28] a 401 is followed by a refresh; where that comes too early the client goes on with what it has", async (t) => {
  const s = await exactStand(t);
  const { url, clientId, clientSecret, refreshToken } = s.sandbox;
  const now = () => s.clock.now();
  const client = exactClient({ url, clientId, clientSecret, refreshToken, now, wait: () => {} });
  await client.all("current/Me");
  s.clock.advance(569 * SECOND);
  client.spoil();
  await assert.rejects(client.all("current/Me"), /no answer/);
  assert.equal(client.refreshes, 1, "too early");
  s.clock.advance(SECOND);
  await client.all("current/Me");
  assert.equal(client.refreshes, 2);
});
