/** `keten sandbox`: a stand-in for a provider. */

import { Command, Option } from "commander";
import { FAULTS, type FaultInputs, parseFault } from "../sandbox/faults.ts";
import { type Sandbox, startSandbox } from "../sandbox/sandbox.ts";
import { PROVIDERS } from "../vendors/providers.ts";
import { UsageError } from "./failure.ts";
import { clipped, jsonOption, portOption, timeScaleOption } from "./options.ts";
import { inOneLine } from "./policy-line.ts";
import { print, say } from "./terminal.ts";
import { untilTold } from "./until-told.ts";

/** Beside the server's. */
const PORT = 5384;

interface SandboxCommandOptions {
  readonly port: number;
  readonly seed: string;
  readonly timeScale?: number;
  readonly fault: readonly string[];
  readonly redirectUri?: readonly string[];
  readonly list?: true;
  readonly json?: true;
}

export function sandboxCommand(): Command {
  return new Command("sandbox")
    .description("stand in for a provider, with its limits and, if you like, its faults")
    .argument("[preset]", "what to stand in for; --list shows the names")
    .addOption(portOption(PORT))
    .addOption(
      new Option("--seed <text>", "the same seed gives the same ids, secrets and faults").default(
        "keten",
      ),
    )
    .addOption(timeScaleOption())
    .addOption(
      new Option(
        "--fault <name=rate...>",
        "let a part of the requests fail: NAME=RATE[:MIN-MAX][@WHEN], as in hold=0.1:50-500, " +
          "chain-incident=3/week, reset-after=0.1:1-100 or maintenance=1@04:00-04:30,CET",
      ).default([], "none"),
    )
    .addOption(
      new Option(
        "--redirect-uri <uri>",
        "where logins may return to; may be given several times (default: http://127.0.0.1/callback)",
      ).argParser(redirectUri),
    )
    .addOption(new Option("--list", "list presets and faults, and do nothing else"))
    .addOption(jsonOption("print one line when ready: endpoints, client, demo user, refresh token"))
    .action(sandbox);
}

async function sandbox(first: string | undefined, options: SandboxCommandOptions): Promise<void> {
  if (options.list) return await list(options);
  const { preset, faults } = tellApart(first, options.fault);
  const names = Object.keys(PROVIDERS).join(", ");
  if (preset === undefined) throw new UsageError(`no preset given; expected one of ${names}`);
  const provider = Object.hasOwn(PROVIDERS, preset) ? PROVIDERS[preset] : undefined;
  if (!provider) {
    throw new UsageError(`preset "${clipped(preset)}" is unknown; expected one of ${names}`);
  }
  const told = untilTold("stopping");
  const standIn = await startSandbox({
    provider,
    port: options.port,
    seed: options.seed,
    timeScale: options.timeScale ?? 1,
    faults,
    ...(options.redirectUri ? { redirectUris: options.redirectUri } : {}),
    onFailure: (error) => say(`keten: the stand-in failed: ${String(error)}`),
  });
  try {
    if (options.json) await print(JSON.stringify(described(standIn)));
    else tell(preset, standIn);
    await told;
  } finally {
    await standIn.close();
  }
}

function redirectUri(uri: string, before: readonly string[] = []): readonly string[] {
  if (URL.canParse(uri)) return [...before, uri];
  throw new UsageError(`option "--redirect-uri" is "${clipped(uri)}"; expected an absolute URI`);
}

/** An option with several values takes what stands behind it: a preset after faults is still the preset. */
function tellApart(
  first: string | undefined,
  words: readonly string[],
): { preset: string | undefined; faults: FaultInputs } {
  const last = words.at(-1);
  const takenAlong = first === undefined && last !== undefined && !last.includes("=");
  const texts = takenAlong ? words.slice(0, -1) : words;
  const faults: FaultInputs = Object.assign({}, ...texts.map(parseFault));
  return { preset: takenAlong ? last : first, faults };
}

/** What a client needs. A contract: exactly these. */
function described(sandbox: Sandbox): Record<string, string> {
  const { url, authorizationEndpoint, tokenEndpoint, revocationEndpoint } = sandbox;
  const { clientId, clientSecret, username, password, refreshToken } = sandbox;
  return {
    ...{ url, authorizationEndpoint, tokenEndpoint, revocationEndpoint },
    ...{ clientId, clientSecret, username, password, refreshToken },
  };
}

/** RFC 9700, sections 2.1.2 and 2.4 */
const isDiscouraged = (grantType: string): boolean =>
  grantType === "password" || grantType === "implicit";

function tell(preset: string, sandbox: Sandbox): void {
  say(`a stand-in for "${preset}" answers at ${sandbox.url}`);
  const { totpSecret } = sandbox;
  const second = totpSecret === undefined ? {} : { totpSecret };
  const lines = Object.entries({ ...described(sandbox), ...second }).slice(1);
  for (const [name, value] of lines) say(`  ${name.padEnd(22)} ${value}`);
  const discouraged = sandbox.issuer.realm.grantTypes.filter(isDiscouraged);
  if (discouraged.length > 0) {
    say(
      `  grants besides         ${discouraged.join(", ")}: this vendor has it, the standards do not`,
    );
  }
  say(`what it is asked, and its faults and its clock: ${sandbox.url}/sandbox/`);
}

async function list({ json }: SandboxCommandOptions): Promise<void> {
  const presets = Object.fromEntries(
    Object.entries(PROVIDERS).map(([name, { policy }]) => [name, inOneLine(policy)]),
  );
  if (json) return await print(JSON.stringify({ presets, faults: FAULTS }));
  for (const [title, lines] of Object.entries({ presets, faults: FAULTS })) {
    const width = Math.max(...Object.keys(lines).map(({ length }) => length));
    await print(title);
    for (const [name, says] of Object.entries(lines)) {
      await print(`  ${name.padEnd(width)}  ${says}`);
    }
  }
}
