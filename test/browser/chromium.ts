/** A real browser, from npm alone: a Chromium without a window, which no page of ours needs more than. */

import type { TestContext } from "node:test";
import chromium from "@sparticuz/chromium";
import {
  type Browser,
  type BrowserContext,
  type BrowserContextOptions,
  chromium as playwright,
} from "playwright-core";

let launched: Promise<Browser> | undefined;

/** Its own arguments are for another place: they also switch off what protects one site from another. */
const launch = async (): Promise<Browser> =>
  playwright.launch({ executablePath: await chromium.executablePath(), args: ["--no-sandbox"] });

export async function openBrowser(
  t: TestContext,
  options: BrowserContextOptions = {},
): Promise<BrowserContext> {
  launched ??= launch();
  const context = await (await launched).newContext({ locale: "en-GB", ...options });
  context.setDefaultTimeout(15_000);
  t.after(() => context.close());
  return context;
}

export async function closeBrowser(): Promise<void> {
  await (await launched)?.close();
}
