/**
 * House rules that neither the compiler nor the linter can say. (The linter has the rest: no default exports,
 * kebab-case file names, function bodies of at most 70 lines, no import cycles.)
 *
 * 1. A rule takes all files and returns its faults; it reads no disk and prints nothing.
 * 2. A fault names the place, what is wrong there and what is expected.
 * 3. An exception stands in a list beside its rule, with its reason. Lists only shrink.
 */

import { posix } from "node:path";
import { declaredTests, idsOfTitle, isTestFile, KNOWN_IDS } from "./rows.ts";
import { hits, type SourceFile } from "./source-files.ts";

export type Rule = (files: readonly SourceFile[]) => readonly string[];

/** Which layers each layer may import: downwards only; `tsconfig.json` of the layer says the same. */
export const LAYERS: Readonly<Record<string, readonly string[]>> = {
  kernel: [],
  env: ["kernel"],
  store: ["kernel", "env"],
  issuer: ["kernel", "env", "store"],
  keychain: ["kernel", "env", "store"],
  explorer: ["kernel", "env", "store", "keychain"],
  relay: ["kernel", "env", "store", "issuer", "keychain"],
  http: ["kernel", "env", "store", "issuer", "keychain", "relay"],
  vendors: ["kernel", "env", "store", "issuer", "keychain", "relay", "http"],
  sandbox: ["kernel", "env", "store", "issuer", "keychain", "relay", "http", "vendors"],
  console: ["kernel", "env", "store", "issuer", "keychain", "relay", "http"],
  cli: [
    ...["kernel", "env", "store", "issuer", "keychain", "explorer", "relay", "http"],
    ...["vendors", "sandbox", "console"],
  ],
};

/** Files that nothing imports because something outside starts them. */
const ENTRY_POINTS = ["src/cli/main.ts", "src/cli/library.ts"];

const LINES_MAX = 500;

/** Files allowed to be longer than `LINES_MAX`: path, lines, reason. */
const LONG_FILES: ReadonlyMap<string, { readonly lines: number; readonly reason: string }> =
  new Map();

const VENDORS =
  /exact[ _-]?online|openam|forgerock|google|xero|okta|auth0|salesforce|atlassian|\bjira\b|hubspot|shopify|intuit(?!i)|quickbooks|invantive|zoho|microsoft|\bentra\b|\bazure\b|amazon|cognito|dropbox|linkedin|twitter|facebook|twinfield|moneybird|snelstart|\bvisma\b|ringcentral|onelogin|smartcar|\bhydra\b|\bory\b|keycloak|duende|identityserver|wso2|asgardeo|supertokens|supabase|workos|\bcurity\b|airlock|todoist|gohighlevel|cybersource|\btuya\b|pipedrive|docusign|gitlab|github(?!\.com\/)|openai|anthropic/gi;

/** Row D01: what Keten knows of a vendor stands in the vendor's own room. */
export const vendorNames: Rule = (files) =>
  files.filter(inSource).flatMap((file) => {
    if (layerOf(file.path) === "vendors") return [];
    const inPath = hits(file.path, VENDORS).map(({ match }) => ({ line: 1, match }));
    return [...inPath, ...hits(file.text, VENDORS)].map(({ line, match }) =>
      fault(file, line, `names the vendor "${match[0]}"`, "vendors are named in src/vendors only"),
    );
  });

/** The kernel has no clock, no chance and no waiting; the compiler refuses everything ambient. */
export const pureKernel: Rule = (files) =>
  files
    .filter((file) => layerOf(file.path) === "kernel" && isCode(file))
    .flatMap((file) => [
      ...forbid(
        file,
        /\bDate\.now\b|\bnew Date\b(?!\()|\bnew Date\(\s*\)|\bMath\.random\b/g,
        "the instant or the random value as an argument",
      ),
      ...forbid(file, /\basync\b|\bawait\b|\bPromise\b/g, "a function that returns its value"),
      ...imports(file)
        .filter(({ specifier }) => !/^\.\/[a-z0-9-]+\.ts$/.test(specifier))
        .map(({ line, specifier }) =>
          fault(file, line, `imports "${specifier}"`, "the kernel imports only its own files"),
        ),
    ]);

/** Timers, chance and clocks on the refresh path go through `env`, so that a simulation owns every turn. */
export const refreshPath: Rule = (files) =>
  files
    .filter((file) => ["issuer", "keychain", "store"].includes(layerOf(file.path) ?? ""))
    .filter((file) => isCode(file) && file.path !== "src/store/sqlite/worker.ts")
    .flatMap((file) =>
      forbid(
        file,
        /\bDate\.now\b|\bnew Date\b(?!\()|\bnew Date\(\s*\)|\bMath\.random\b|\bsetTimeout\b|\bsetInterval\b|\bsetImmediate\b|\bsubtle\b|\bperformance\.now\b/g,
        "the clock, timers and randomness of src/env",
      ),
    );

/** Imports run downwards; issuer and keychain do not know each other; a vendor's policy is kernel data. */
export const layers: Rule = (files) =>
  files.filter((file) => inSource(file) && isCode(file)).flatMap(layerFaults);

function layerFaults(file: SourceFile): readonly string[] {
  const layer = layerOf(file.path);
  const allowed = layer === undefined ? undefined : LAYERS[layer];
  if (layer === undefined || allowed === undefined) {
    return [
      fault(file, 1, "belongs to no layer", `a folder of: ${Object.keys(LAYERS).join(", ")}`),
    ];
  }
  const isPolicy = /^src\/vendors\/[^/]+\/policy\.ts$/.test(file.path);
  return imports(file).flatMap(({ line, specifier }) => {
    if (!specifier.startsWith(".")) return [];
    const target = resolve(file, specifier);
    const below = isPolicy ? ["kernel"] : [...allowed, layer];
    if (inSourcePath(target) && below.includes(layerOf(target) ?? "")) return [];
    const who = isPolicy ? "a vendor's policy" : `layer "${layer}"`;
    return [fault(file, line, `imports "${specifier}"`, `${who} imports only ${list(below)}`)];
  });
}

/** The compiler's projects draw the same layers. */
export const projects: Rule = (files) => {
  const present = files.filter((file) => /^src\/[^/]+\/tsconfig\.json$/.test(file.path));
  const names = present.map((file) => layerOf(file.path) ?? "");
  return present.flatMap((file, i) => {
    const found = hits(file.text, /"path": "\.\.\/([^"]+)"/g).map(({ match }) => match[1] ?? "");
    const wanted = (LAYERS[names[i] ?? ""] ?? []).filter((name) => names.includes(name));
    if (found.join() === wanted.join()) return [];
    return [fault(file, 1, `references ${list(found)}`, `as scripts/tidy.ts: ${list(wanted)}`)];
  });
};

export const fileLengths: Rule = (files) =>
  files
    .filter((file) => /^(?:src|test|scripts|bench|sim)\//.test(file.path) && isCode(file))
    .flatMap((file) => {
      const lines = file.text.split("\n").length - 1;
      const max = LONG_FILES.get(file.path)?.lines ?? LINES_MAX;
      if (lines <= max) return [];
      return [fault(file, max + 1, `has ${lines} lines`, `at most ${max}: divide it by subject`)];
    });

/** A file is named after its subject, and a folder's face is an `index.ts` of a layer only. */
export const fileNames: Rule = (files) =>
  files.filter(inSource).flatMap((file) => {
    const name = posix.basename(file.path);
    if (/^(?:utils?|types|helpers?|common|misc)\.ts$/.test(name)) {
      return [fault(file, 1, `is called ${name}`, "a name that says what is in it")];
    }
    if (name === "index.ts" && !/^src\/[^/]+\/index\.ts$/.test(file.path)) {
      return [fault(file, 1, "is an index.ts in a folder", "index.ts directly in a layer only")];
    }
    return [];
  });

/** Every source file is reached from somewhere. */
export const deadFiles: Rule = (files) => {
  const reached = new Set(
    files
      .filter(isCode)
      .flatMap((file) => imports(file).map(({ specifier }) => resolve(file, specifier))),
  );
  return files
    .filter((file) => inSource(file) && isCode(file))
    .filter((file) => !reached.has(file.path) && !ENTRY_POINTS.includes(file.path))
    .map((file) => fault(file, 1, "is imported by no file", "a use, or no such file"));
};

/** Nothing is left for later, and no test is silenced. */
export const leftovers: Rule = (files) =>
  files.flatMap((file) => [
    ...hits(file.text, /\b(?:TO[D]O|FIX[M]E|X[X]X)\b/g).map(({ line, match }) =>
      fault(file, line, `says ${match[0]}`, "the work done, or a line in the issue tracker"),
    ),
    ...(isTestFile(file) ? forbid(file, /\.(?:only|skip|todo)\(/g, "every test runs") : []),
  ]);

/** The repository knows no machine it was written on and no registry it was installed from. */
export const noMachine: Rule = (files) =>
  files.flatMap((file) => {
    if (file.path === "package-lock.json") {
      return hits(file.text, /"resolved"/g).map(({ line }) =>
        fault(file, line, "has a resolved URL", "npm's option omit-lockfile-registry-resolved"),
      );
    }
    const pattern =
      /(?<![\w.-])\/(?:wor[k]|roo[t]|hom[e])\/|\/\/[\w.-]*\bregistry[\w.-]*|\bregistry\.npmjs\.org/g;
    return hits(file.text, pattern).map(({ line, match }) =>
      fault(file, line, `contains "${match[0]}"`, "a relative path; no registry's host"),
    );
  });

/** A test says which row or requirement it shows, or that it keeps the house in order. */
export const testTitles: Rule = (files) =>
  files
    .filter(isTestFile)
    .flatMap(declaredTests)
    .flatMap(({ path, line, title }) => {
      if (title === undefined)
        return [`${path}:${line}: the title is no literal; expected "[A04] …"`];
      const ids = idsOfTitle(title);
      const unknown = ids.filter((id) => id !== "house" && !KNOWN_IDS.includes(id));
      if (ids.length > 0 && unknown.length === 0) return [];
      const wrong = ids.length === 0 ? "has no id" : `has unknown ${list(unknown)}`;
      return [`${path}:${line}: "${title}" ${wrong}; expected "[A04, ISS-02] …" or "[house] …"`];
    });

function fault(file: SourceFile, line: number, wrong: string, expected: string): string {
  return `${file.path}:${line}: ${wrong}; expected: ${expected}`;
}

function forbid(file: SourceFile, pattern: RegExp, expected: string): readonly string[] {
  return hits(file.code, pattern).map(({ line, match }) =>
    fault(file, line, `uses ${match[0]}`, expected),
  );
}

/** Static, dynamic and type imports, exports from, and files named by `new URL("./…")`. */
function imports(
  file: SourceFile,
): readonly { readonly line: number; readonly specifier: string }[] {
  const pattern = /(?:\bfrom\s*|\bimport\s*\(?\s*|\bnew URL\([^"]*?)"([^"\n]+)"/g;
  return hits(file.bare, pattern)
    .filter(({ index }) => file.code[index] === file.bare[index])
    .map(({ line, match }) => ({ line, specifier: match[1] ?? "" }));
}

function resolve(file: SourceFile, specifier: string): string {
  return posix.join(posix.dirname(file.path), specifier);
}

function layerOf(path: string): string | undefined {
  return /^src\/([^/]+)\//.exec(path)?.[1];
}

function inSource(file: SourceFile): boolean {
  return inSourcePath(file.path);
}

function inSourcePath(path: string): boolean {
  return path.startsWith("src/");
}

function isCode(file: SourceFile): boolean {
  return /\.[cm]?[jt]s$/.test(file.path);
}

function list(names: readonly string[]): string {
  return names.length === 0 ? "nothing" : names.join(", ");
}
