/** The process of one column: gets what to run by message, answers with the outcomes, and ends with whoever started it. */

import { type ColumnRun, runColumn } from "./columns.ts";

// Libraries write here what the applications log themselves.
console.warn = () => {};

process.once("disconnect", () => process.exit());
process.once("message", async (run: ColumnRun) => {
  const outcomes = await runColumn(run);
  process.send?.(outcomes);
});
