/** The fault matrix as a page: what each fault can cost under each preset, Keten being the keeper. */

import { FAULT_NAMES, FAULTS, type Fault } from "../../src/explorer/faults.ts";
import type { LossClass } from "../../src/explorer/judge.ts";
import { cellOf } from "../../src/explorer/search.ts";
import { gravest, type Sweep } from "./cells.ts";

/** Presets that no fault tells apart stand in one column. */
export interface Column {
  readonly presets: readonly string[];
  /** By fault, `none` included, and number of processes: the gravest loss. */
  readonly loss: (fault: Fault | "none", workers: number) => LossClass | null;
}

const MARKS: Readonly<Record<LossClass, string>> = {
  avoidable: "**A**",
  unavoidable: "U",
  timing: "T",
  held: "H",
  operator: "O",
};

const HEAD = `# Fault matrix

<!-- Written by \`npm run explore -- --write\`. -->

What a single fault can cost, Keten being the keeper of the chain: every point at which it can strike in three refreshes, by
exhaustive search over the production kernel (\`src/explorer\`). With one process and with two on one machine; where they
differ, both stand there. Policies that the model cannot tell apart, since it has one chain and no resource server, are
searched once for all their presets (\`src/explorer/as-explored.ts\`).

![The same as a picture](fault-matrix.svg)

| | |
| --- | --- |
| empty | the chain is kept, whatever point it strikes at |
| U | it can be lost, and no keeper could keep it: the remote accepts only a token that never reached us, or reached only what died |
| T | it can be lost where an assumption on time is broken that every protocol needs |
| H | it can be lost where the token lies on a machine that was off for longer than we wait |
| O | people ended it, or the store was set back by people |
| A | it can be lost although it could have been kept: a fault of Keten's. There is none |

The program is deterministic; \`npm test\` compares this page with a fresh search. Pairs of faults and more processes:
\`npm run explore\`.
`;

export function columnsOf(sweeps: readonly Sweep[]): readonly Column[] {
  const columns = new Map<string, { presets: string[]; loss: Column["loss"] }>();
  for (const preset of new Set(sweeps.map((sweep) => sweep.preset))) {
    const own = sweeps.filter((sweep) => sweep.preset === preset);
    const loss: Column["loss"] = (fault, workers) => {
      const key = cellOf(fault === "none" ? [] : [fault]);
      const sweep = own.find((one) => one.workers === workers);
      const cell = sweep?.cells.find(({ faults }) => cellOf(faults) === key);
      return cell ? gravest(cell) : null;
    };
    const face = JSON.stringify(rows().flatMap((fault) => [1, 2].map((n) => loss(fault, n))));
    const column = columns.get(face) ?? { presets: [], loss };
    column.presets.push(preset);
    columns.set(face, column);
  }
  return [...columns.values()];
}

export const rows = (): readonly (Fault | "none")[] => ["none", ...FAULT_NAMES];

export function matrixPage(sweeps: readonly Sweep[]): string {
  const columns = columnsOf(sweeps);
  const mark = (loss: LossClass | null) => (loss ? MARKS[loss] : "");
  const cell = ({ loss }: Column, fault: Fault | "none") => {
    const [one, two] = [mark(loss(fault, 1)), mark(loss(fault, 2))];
    return one === two ? one : `${one || "–"} / ${two || "–"}`;
  };
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  const says = (fault: Fault | "none") => (fault === "none" ? "nothing goes wrong" : FAULTS[fault]);
  return [
    HEAD,
    line(["fault", "", ...columns.map(({ presets }) => presets.join("<br>"))]),
    line(["---", "---", ...columns.map(() => "---")]),
    ...rows().map((fault) =>
      line([`\`${fault}\``, says(fault), ...columns.map((column) => cell(column, fault))]),
    ),
    "",
  ].join("\n");
}
