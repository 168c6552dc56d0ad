/** docs/clients.md, from what was run. */

import type { Outcome, Verdict } from "../../test/clients/application.ts";
import { COLUMN_NAMES, type ColumnName, TITLES } from "./columns.ts";
import type { Outcomes } from "./run-programs.ts";
import type { Scenario } from "./scenarios.ts";

/** A scenario with the outcomes of its columns. */
export type Section = { readonly scenario: Scenario } & Readonly<Record<ColumnName, Outcomes>>;

export interface PageOptions {
  readonly sections: readonly Section[];
  readonly versions: Readonly<Record<string, string>>;
  readonly hours: number;
  readonly accounts: number;
  readonly seed: string;
}

export interface Total {
  readonly accounts: number;
  /** Accounts for which every application needs another token. */
  readonly broken: number;
  readonly needsRestart: number;
  /** Accounts that the provider's side lost, and that the applications went on with once its owner had reconnected. */
  readonly lost: number;
  readonly jobs: number;
  readonly failed: number;
  /** Jobs that got a token which the API refused. */
  readonly refused: number;
}

export function totalOf(runs: readonly Outcomes[]): Total {
  const all = runs.flatMap((outcomes) => [...outcomes.values()].flat());
  const count = (state: string): number => all.filter((one) => stateOf(one) === state).length;
  const sum = (of: (outcome: Outcome) => number) => all.reduce((total, one) => total + of(one), 0);
  return {
    accounts: all.length,
    ...{ broken: count("broken"), needsRestart: count("needs a restart"), lost: count("lost") },
    jobs: sum(({ jobs }) => jobs),
    failed: sum(({ failed }) => failed),
    refused: sum(({ refused }) => refused),
  };
}

/** As the application's owner sees it: what was lost and mended elsewhere did not break the application. */
const stateOf = ({ verdict, lost }: Outcome): Verdict | "lost" => (lost?.wentOn ? "lost" : verdict);

const line = (cells: readonly (string | number)[]): string => `| ${cells.join(" | ")} |`;

export function page(options: PageOptions): string {
  const { sections, versions, hours, accounts, seed } = options;
  const list = Object.entries(versions).map(([name, version]) => `\`${name}\` ${version}`);
  return [
    "# Client libraries, straight at a provider and behind Keten",
    "",
    "<!-- Written by `npm run clients -- --write`. -->",
    "",
    "The same programs, each written as the library's manual says and told nothing but token URL, client id, secret and first",
    "refresh token, run straight at a provider's stand-in, and then with Keten's token URL in place of the provider's.",
    `Libraries: ${list.join(", ")}, unmodified.`,
    "",
    `A program has ${accounts} accounts, each with two workers that share the account's row, as the processes of an application`,
    `do, and need an access token every four minutes, for ${hours} hours. Time in which nothing happens is skipped; while`,
    "a request is on its way it runs as in life, so that seconds are seconds to libraries and to the provider. The stand-in lets",
    "answers come up to 20 s late, answers 503, resets connections and, but for the first table, loses answers: one request in",
    "ten, in the first table one in fourteen.",
    "",
    "*Kept*: at the end, when nothing goes wrong any more, every worker gets a token. *Needs a restart*: only one that is started",
    "anew does. *Broken*: none does; a person has to consent again, and the application needs the new token. *Lost upstream*: the",
    "provider's chain ended behind Keten. Its owner reconnected it there, and then every worker, as it was running and with the",
    "token it had, was served. *Failed*: the part of jobs that had no token that works; an application that has failed for an hour",
    "asks no more, so that of broken and lost ones the part is smaller than in life.",
    "",
    "Behind Keten each account is one connection, each program one consumer of it. Keten runs as `keten serve` does, with its HTTP",
    "routes and by default settings; its store is in memory and requests are sent without the courier, for another process has",
    "no share in skipped time. It meets the same faults at the provider.",
    "",
    ...inTotal(sections),
    "",
    `The seed was "${seed}". Requests race over real sockets, so that figures differ a little from run to run.`,
    "",
    ...sections.flatMap(section),
    "## What is seen",
    "",
    ...NOTES,
    "",
  ].join("\n");
}

function inTotal(sections: readonly Section[]): readonly string[] {
  const straight = totalOf(sections.map((told) => told.straight));
  const behind = totalOf(sections.map((told) => told.behind));
  const failed = ({ jobs, failed: count }: Total): string => percent((100 * count) / jobs);
  return [
    line([
      "all tables, with faults",
      "accounts",
      "broken",
      "needs a restart",
      "lost upstream",
      "failed",
    ]),
    line(["---", "---", "---", "---", "---", "---"]),
    ...(
      [
        ["straight", straight],
        ["behind Keten", behind],
      ] as const
    ).map(([name, total]) =>
      line([
        name,
        total.accounts,
        total.broken,
        total.needsRestart,
        total.lost || "-",
        failed(total),
      ]),
    ),
  ];
}

function section(told: Section): readonly string[] {
  const { scenario } = told;
  const programs = [...told.straight.keys()];
  return [
    `## ${scenario.name}`,
    "",
    scenario.rules,
    "",
    line(["program", ...COLUMN_NAMES.map((name) => TITLES[name])]),
    line(["---", ...COLUMN_NAMES.map(() => "---")]),
    ...programs.map((program) =>
      line([program, ...COLUMN_NAMES.map((name) => cell(told[name].get(program) ?? []))]),
    ),
    "",
    ...lastWords(told, "straight"),
    ...lastWords(told, "behind"),
    ...causesOf(told.behind),
  ];
}

/** `2 of 3 broken, after 6 and 38 refreshes; 12 % failed`. */
export function cell(outcomes: readonly Outcome[]): string {
  const count = (state: string) => outcomes.filter((outcome) => stateOf(outcome) === state);
  const [broken, restart, lost] = [count("broken"), count("needs a restart"), count("lost")];
  const words = [
    ...part(broken.length, outcomes.length, "broken", refreshesOf(broken)),
    ...part(restart.length, outcomes.length, "needs a restart", ""),
    ...part(lost.length, outcomes.length, "lost upstream", `${refreshesOf(lost)}; went on`),
  ];
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((all, one) => all + of(one), 0);
  const failed =
    (100 * sum((one) => one.failed)) /
    Math.max(
      1,
      sum((one) => one.jobs),
    );
  const fails =
    failed === 0 || broken.length === outcomes.length ? "" : `; ${percent(failed)} failed`;
  return (words.length > 0 ? `**${words.join(", ")}**` : "kept") + fails;
}

const percent = (value: number): string => (value < 1 ? "under 1 %" : `${Math.round(value)} %`);

function part(count: number, of: number, word: string, rest: string): readonly string[] {
  if (count === 0) return [];
  return [`${count === of ? "" : `${count} of ${of} `}${word}${rest}`];
}

function refreshesOf(broken: readonly Outcome[]): string {
  const counts = broken.map(({ refreshes }) => refreshes).sort((a, b) => a - b);
  const unlike = [...new Set(counts)];
  return ` after ${unlike.join(", ")} refresh${unlike.join() === "1" ? "" : "es"}`;
}

/** What the workers that were not served logged in one column: first after they last were, and last. */
function lastWords(section: Section, column: ColumnName): readonly string[] {
  const told = [...section[column]].flatMap(([program, all]) => {
    const words = new Set(all.flatMap(({ words: both }) => (both ? [spoken(both)] : [])));
    return words.size === 0 ? [] : [`- ${program}: ${[...words].join("; or ")}`];
  });
  return told.length === 0 ? [] : [`Logged (${TITLES[column]}):`, "", ...told, ""];
}

/** What Keten says of the chains that were lost, and of how many. */
function causesOf(behind: Outcomes): readonly string[] {
  const lost = [...behind.values()].flat().flatMap((one) => one.lost ?? []);
  const causes = Map.groupBy(lost, ({ cause }) => cause);
  if (causes.size === 0) return [];
  const told = [...causes].map(([cause, all]) => `- \`${cause}\`: ${all.length}`);
  return ["Lost upstream, by Keten's account:", "", ...told, ""];
}

const spoken = ([first, last]: readonly [string, string]): string =>
  first === last ? `\`${last}\`` : `\`${first}\`, in the end \`${last}\``;

const NOTES = [
  "- No library keeps two workers apart, and no manual speaks of it. Where a superseded token is forgiven for a moment, two",
  "  workers that begin together cost a failed job; a late answer, or a retry, is longer than that moment.",
  "- google-auth-library puts the old refresh token back over the one it was just given (`refreshAccessTokenAsync`): a client that",
  "  is kept refreshes once at a provider that rotates strictly. It also sends a POST again that was not answered, and",
  "  refreshes five minutes before the end by default, which a provider with a least interval refuses.",
  "- simple-oauth2 5.1.0 loses the refresh token where an answer does not repeat it: `refresh()` copies it from the wrong object",
  "  (lelylan/simple-oauth2, pull request 434, comment of 2024-12-31). The first refresh works, the second has none.",
  "- @badgateway/oauth2-client's `OAuth2Fetch` reads the stored token once, when it begins: of two processes one presents what the",
  "  other has superseded. It reports every failure of a refresh, also a passing one, as the need to consent again. Its own",
  "  timer is off here (`scheduleRefresh`), because it runs in real time.",
  "- All of them go on for good with a refresh token that never changes and is repeated in every answer.",
  "- Behind Keten a chain ends only where the answer with the one good token was lost and the provider gives it to nobody again:",
  "  where it rotates strictly at once, by the ten minutes' rule if no second try within 30 s is answered either. Consumers are",
  "  told 503 `connection_lost` with `reconnect_uri`, never `invalid_grant`, and no library threw its token away. Once the owner",
  "  had connected the account anew (`keten reconnect`), every worker went on as it was running.",
  "- What fails behind Keten at Exact Online fails for want of a token: after a request without an answer Keten keeps to the 570 s",
  "  between two refreshes, which the access token in use does not outlive by enough.",
];
