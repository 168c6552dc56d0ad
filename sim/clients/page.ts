/** docs/clients.md, from what was run. */

import type { Outcome, Verdict } from "../../test/clients/application.ts";
import type { Outcomes } from "./run-programs.ts";
import type { Scenario } from "./scenarios.ts";

/** A column: one run of every program. */
export interface Column {
  readonly title: string;
  /** Null where it was not run. */
  readonly outcomes: Outcomes | null;
}

export interface Section {
  readonly scenario: Scenario;
  /** Straight at the provider: alone, with a second worker, and with faults. */
  readonly alone: Column;
  readonly calm: Column;
  readonly straight: Column;
  /** Behind Keten, with the same faults. */
  readonly behind: Column;
}

export interface PageOptions {
  readonly sections: readonly Section[];
  readonly versions: Readonly<Record<string, string>>;
  readonly hours: number;
  readonly accounts: number;
  readonly seed: string;
}

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
    "anew does. *Broken*: none does; a person has to consent again. *Failed*: the part of jobs that had no token that works.",
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

export const columnsOf = ({ alone, calm, straight, behind }: Section): readonly Column[] => [
  alone,
  calm,
  straight,
  behind,
];

function section(told: Section): readonly string[] {
  const { scenario, straight, behind } = told;
  const columns = columnsOf(told);
  const programs = [...(straight.outcomes?.keys() ?? [])];
  return [
    `## ${scenario.name}`,
    "",
    scenario.rules,
    "",
    line(["program", ...columns.map(({ title }) => title)]),
    line(["---", ...columns.map(() => "---")]),
    ...programs.map((program) =>
      line([program, ...columns.map(({ outcomes }) => cell(outcomes?.get(program)))]),
    ),
    "",
    ...lastWords(straight),
    ...lastWords(behind),
  ];
}

/** `2 of 3 broken, after 6 and 38 refreshes; 12 % failed`. */
export function cell(outcomes: readonly Outcome[] | undefined): string {
  if (!outcomes) return "not run yet";
  const count = (verdict: Verdict) => outcomes.filter((outcome) => outcome.verdict === verdict);
  const [broken, restart] = [count("broken"), count("needs a restart")];
  const words = [
    ...part(broken.length, outcomes.length, "broken", refreshesOf(broken)),
    ...part(restart.length, outcomes.length, "needs a restart", ""),
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
function lastWords({ title, outcomes }: Column): readonly string[] {
  const told = [...(outcomes ?? [])].flatMap(([program, all]) => {
    const words = new Set(all.flatMap(({ words: both }) => (both ? [spoken(both)] : [])));
    return words.size === 0 ? [] : [`- ${program}: ${[...words].join("; or ")}`];
  });
  return told.length === 0 ? [] : [`Logged (${title}):`, "", ...told, ""];
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
];
