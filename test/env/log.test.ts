import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { type LogField, type LogFields, pinoLog } from "../../src/env/log.ts";
import { Secret } from "../../src/env/secret.ts";

const CANARY = "canary-5f2a";

function linesOf(write: (log: ReturnType<typeof pinoLog>) => void): string[] {
  const lines: string[] = [];
  write(pinoLog({ stream: { write: (line: string) => lines.push(line) } }));
  return lines;
}

test("[LOG-01] a secret is redacted as string, as JSON, when inspected and in the log", () => {
  const secret = new Secret(CANARY);
  const shown = [`${secret}`, String(secret), JSON.stringify({ secret }), inspect({ secret })];
  const lines = linesOf((log) => log.info("token_kept", { token: secret, generation: 3 }));
  for (const text of [...shown, ...lines]) {
    assert.doesNotMatch(text, /canary/);
    assert.match(text, /\[secret\]/);
  }
  assert.equal(secret.reveal(), CANARY);
});

test("[LOG-01] what is no primitive is not written, whatever the types were told", () => {
  const smuggled = {
    object: { token: CANARY },
    array: [CANARY],
    error: new Error(CANARY),
    made: () => CANARY,
    bytes: Buffer.from(CANARY),
  } as unknown as LogFields;
  const [line = ""] = linesOf((log) => log.error("odd", smuggled));
  assert.doesNotMatch(line, /canary/);
  assert.equal(JSON.parse(line).object, "[object, not logged]");
});

test("[LOG-07] one event is one line of JSON, whatever a remote wrote into it", () => {
  const error = 'x"}\n{"level":"error","event":"forged"}\u2028';
  const lines = linesOf((log) => log.warn("refused", { error }));
  assert.equal(lines.length, 1);
  assert.equal(lines[0]?.indexOf("\n"), (lines[0]?.length ?? 0) - 1);
  const { level, event, error: written } = JSON.parse(lines[0] ?? "");
  assert.deepEqual([level, event, written], ["warn", "refused", error]);
});

test("[LOG-07] a field cannot take the place of the line's own", () => {
  const fields: Record<string, LogField> = { event: "forged", level: 1, time: null, n: Number.NaN };
  const [line = ""] = linesOf((log) => log.info("real", fields));
  const { time, ...rest } = JSON.parse(line);
  assert.match(time, /^\d{4}-\d\d-\d\dT/);
  assert.deepEqual(rest, {
    level: "info",
    event: "real",
    event_: "forged",
    level_: 1,
    time_: null,
    n: "NaN",
  });
});
