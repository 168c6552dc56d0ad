/** The fault matrix as a picture: policy by fault, coloured. One glance tells where a chain can be lost, and by whom. */

import type { LossClass } from "../../src/explorer/judge.ts";
import type { Sweep } from "./cells.ts";
import { columnsOf, rows } from "./page.ts";

const CELL = 22;
const LEFT = 170;
const TOP = 190;
const COLUMN = 54;

const KEPT = "#cfe8d5";
const COLOURS: Readonly<Record<LossClass, string>> = {
  avoidable: "#c1121f",
  unavoidable: "#8d99ae",
  timing: "#f4c95d",
  held: "#b8a1d9",
  operator: "#e9c7b3",
};
const LEGEND: readonly (readonly [string, string])[] = [
  ["kept", KEPT],
  ["unavoidable", COLOURS.unavoidable],
  ["timing", COLOURS.timing],
  ["held", COLOURS.held],
  ["people", COLOURS.operator],
  ["avoidable", COLOURS.avoidable],
];

const text = (x: number, y: number, said: string, more = ""): string =>
  `<text x="${x}" y="${y}" ${more}>${said}</text>`;

const box = (x: number, y: number, width: number, fill: string, title: string): string =>
  `<rect x="${x}" y="${y}" width="${width}" height="${CELL - 2}" rx="2" fill="${fill}"><title>${title}</title></rect>`;

export function matrixPicture(sweeps: readonly Sweep[]): string {
  const columns = columnsOf(sweeps);
  const names = columns.map(({ presets }) =>
    presets.length > 2 ? `${presets[0]} and ${presets.length - 1} more` : presets.join(", "),
  );
  const width = LEFT + Math.max(columns.length * COLUMN + 120, LEGEND.length * 105);
  const height = TOP + rows().length * CELL + 50;
  const heads = names.map((name, i) => {
    const x = LEFT + i * COLUMN + COLUMN / 2;
    return text(x, TOP - 8, name, `transform="rotate(-50 ${x} ${TOP - 8})"`);
  });
  const cells = rows().flatMap((fault, row) => {
    const y = TOP + row * CELL;
    const label = text(LEFT - 8, y + 14, fault, 'text-anchor="end"');
    const half = (COLUMN - 4) / 2;
    return [
      label,
      ...columns.flatMap(({ loss }, i) =>
        [1, 2].map((workers) => {
          const found = loss(fault, workers);
          const x = LEFT + i * COLUMN + (workers - 1) * half;
          const title = `${names[i]}, ${fault}, ${workers} process${workers > 1 ? "es" : ""}: ${found ?? "kept"}`;
          return box(x, y, half - 1, found ? COLOURS[found] : KEPT, title);
        }),
      ),
    ];
  });
  const bottom = TOP + rows().length * CELL + 12;
  const legend = LEGEND.flatMap(([name, colour], i) => [
    box(LEFT + i * 105, bottom, 18, colour, name),
    text(LEFT + i * 105 + 24, bottom + 14, name),
  ]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12" fill="#222">`,
    "<title>Fault matrix: what one fault can cost under each preset</title>",
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    text(12, 22, "What one fault can cost, Keten being the keeper", 'font-size="16"'),
    text(12, 40, "left half: one process; right half: two"),
    ...heads,
    ...cells,
    ...legend,
    "</svg>",
    "",
  ].join("\n");
}
