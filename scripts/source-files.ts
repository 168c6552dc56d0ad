/**
 * The repository's files as text, for the scripts that check or list them.
 *
 * Three views of one file, equal in length, so that an offset means the same place in each:
 * `text` as written; `bare` with comments blanked; `code` with comments and literals blanked.
 * Expressions inside a template literal stay visible in all three.
 */

import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface SourceFile {
  /** Relative to the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
  readonly bare: string;
  readonly code: string;
}

/** One place where a pattern occurs; `line` counts from 1. */
export interface Hit {
  readonly index: number;
  readonly line: number;
  readonly match: RegExpExecArray;
}

/** The repository's root. */
export const ROOT = join(import.meta.dirname, "..");

/** Every text file that git tracks, or would track if it were added. */
export function repositoryFiles(): readonly SourceFile[] {
  const args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const listed = execFileSync("git", args, { cwd: ROOT, encoding: "utf8" });
  const paths = [...new Set(listed.split("\0"))].filter((path) => path !== "").sort();
  return paths
    .filter((path) => existsSync(join(ROOT, path)))
    .map((path) => sourceFile(path, readFileSync(join(ROOT, path), "utf8")))
    .filter((file) => !file.text.includes("\0"));
}

/** A file with its views; anything but TypeScript and JavaScript is text in all three. */
export function sourceFile(path: string, text: string): SourceFile {
  if (!/\.[cm]?[jt]s$/.test(path)) return { path, text, bare: text, code: text };
  return { path, text, bare: blank(text, false), code: blank(text, true) };
}

/** Where a pattern with the flag `g` occurs in one of a file's views. */
export function hits(view: string, pattern: RegExp): readonly Hit[] {
  return Array.from(view.matchAll(pattern), (match) => ({
    index: match.index,
    line: lineOf(view, match.index),
    match,
  }));
}

/** The line, counted from 1, of an offset. */
export function lineOf(view: string, index: number): number {
  return view.slice(0, index).split("\n").length;
}

const COMMENT = String.raw`\/\/[^\n]*|\/\*[\s\S]*?\*\/`;
const STRING = String.raw`"(?:\\[\s\S]|[^"\\\n])*"|'(?:\\[\s\S]|[^'\\\n])*'`;
// A slash begins a regular expression where no operand can stand before it.
const REGEXP = String.raw`(?<=(?:^|[(,=:[!&|?{};>]|\breturn)\s*)\/(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+\/\w*`;
const CODE_LEXEME = new RegExp(`${COMMENT}|${STRING}|${REGEXP}|[\`{}]`, "g");
const TEMPLATE_END = /(?:\\[\s\S]|\$(?!\{)|[^`\\$])*(?:`|\$\{|$)/y;

/** Replaces comments, and literals if asked, by spaces; line breaks stay. */
function blank(text: string, literals: boolean): string {
  let out = "";
  let at = 0;
  let depth = 0;
  const resumeAt: number[] = []; // brace depths at which a template literal goes on
  const copyTo = (end: number, visible: boolean): void => {
    const piece = text.slice(at, end);
    out += visible ? piece : piece.replace(/[^\n]/g, " ");
    at = end;
  };
  const template = (): void => {
    TEMPLATE_END.lastIndex = at;
    const chunk = TEMPLATE_END.exec(text)?.[0] ?? "";
    copyTo(at + chunk.length, !literals);
    if (chunk.endsWith("${")) resumeAt.push(depth);
  };
  while (at < text.length) {
    CODE_LEXEME.lastIndex = at;
    const lexeme = CODE_LEXEME.exec(text);
    if (!lexeme) break;
    copyTo(lexeme.index, true);
    const [token] = lexeme;
    if (token === "`") {
      copyTo(at + 1, !literals);
      template();
    } else if (token === "}" && resumeAt.at(-1) === depth) {
      resumeAt.pop();
      copyTo(at + 1, !literals);
      template();
    } else if (token === "{" || token === "}") {
      depth += token === "{" ? 1 : -1;
      copyTo(at + 1, true);
    } else {
      const comment = token.startsWith("//") || token.startsWith("/*");
      copyTo(at + token.length, !comment && !literals);
    }
  }
  copyTo(text.length, true);
  return out;
}
