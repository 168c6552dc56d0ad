/** The pages in a real browser, which runs no script: they need none. */

import { strict as assert } from "node:assert";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { after, type TestContext, test } from "node:test";
import type { BrowserContextOptions, Page } from "playwright-core";
import type { AuthorizationRules } from "../../src/http/authorize-rules.ts";
import { type PagesStand, pagesStand, TOTP_SECRET } from "../http/pages-stand.ts";
import { closeBrowser, openBrowser } from "./chromium.ts";

after(closeBrowser);

interface Scene extends PagesStand {
  readonly page: Page;
  /** What the browser complained about. */
  readonly complaints: readonly string[];
  /** Waits for the browser at the client, and tells with what it came. */
  atClient(): Promise<URLSearchParams>;
}

interface SceneOptions {
  readonly rules?: Partial<AuthorizationRules>;
  readonly browser?: BrowserContextOptions;
  /** Where the client sends the browser on to, if anywhere. */
  readonly onward?: string;
}

async function listen(t: TestContext, server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** A client that takes whoever comes back, a stand-in with its pages, and a browser without scripts. */
async function scene(t: TestContext, options: SceneOptions = {}): Promise<Scene> {
  const { rules, browser, onward } = options;
  const client = await listen(
    t,
    createServer((_, response) => {
      if (onward) response.writeHead(302, { location: onward });
      response.end("at the client");
    }),
  );
  const s = await pagesStand(t, rules ? { rules } : {});
  const context = await openBrowser(t, { javaScriptEnabled: false, ...browser });
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => complaints.push(message.text()));
  const redirect_uri = `http://${client}/callback`;
  return {
    ...s,
    url: (ask = {}) => s.url({ redirect_uri, ...ask }),
    page,
    complaints,
    async atClient() {
      await page.waitForURL((url) => url.host === client);
      return new URL(page.url()).searchParams;
    },
  };
}

async function logIn(page: Page, owner: { username: string; password: string }): Promise<void> {
  await page.getByLabel("User name").fill(owner.username);
  await page.getByLabel("Password").fill(owner.password);
  await page.getByRole("button", { name: "Sign in" }).click();
}

const heading = (page: Page): Promise<string> =>
  page.getByRole("heading", { level: 1 }).innerText();

test("[A01, A25, F16] a wrong password, the right one, a wrong code, the right one, consent: then back at the client with a code", async (t) => {
  const s = await scene(t);
  const { page } = s;
  const owner = await s.addOwner({ totpSecret: TOTP_SECRET });
  await page.goto(s.url());
  await logIn(page, { ...owner, password: "wrong" });
  assert.match(await page.getByRole("alert").innerText(), /do not belong together/);
  assert.equal(await page.getByLabel("User name").inputValue(), "alice");
  assert.equal(await page.getByLabel("Password").inputValue(), "");
  await logIn(page, owner);
  assert.equal(await heading(page), "One more step");
  await page.getByLabel("Code").fill("000000");
  await page.getByRole("button", { name: "Confirm" }).click();
  assert.match(await page.getByRole("alert").innerText(), /wrong, too old, or was used/);
  await page.getByLabel("Code").fill(s.totp());
  await page.getByRole("button", { name: "Confirm" }).click();
  assert.equal(await heading(page), "Allow access?");
  await page.getByRole("button", { name: "Allow", exact: true }).click();
  const answer = await s.atClient();
  assert.deepEqual([answer.get("state"), answer.has("code")], ["as it came", true]);
  const ours = s.complaints.filter((text) => !text.includes("400 (Bad Request)"));
  assert.deepEqual(ours, [], "nothing of a page was refused by its own policy");
});

test("[A01] whoever does not allow it comes back with access_denied", async (t) => {
  const s = await scene(t);
  await s.page.goto(s.url());
  await logIn(s.page, s.sandbox);
  await s.page.getByRole("button", { name: "Do not allow" }).click();
  assert.equal((await s.atClient()).get("error"), "access_denied");
});

test("[house] the whole way by keyboard alone, with what has the focus always to be seen", async (t) => {
  const resources = () => [
    { id: "1", label: "Bakery" },
    { id: "2", label: "Mill" },
  ];
  const s = await scene(t, { rules: { resources } });
  const { page } = s;
  const { keyboard } = page;
  const owner = await s.addOwner({ totpSecret: TOTP_SECRET });
  // A field has the focus by itself, once the page is drawn.
  await page.goto(s.url());
  await page.locator("#username:focus").waitFor();
  await keyboard.type(owner.username);
  await keyboard.press("Tab");
  await keyboard.type(owner.password);
  await keyboard.press("Enter");
  await page.locator("#code:focus").waitFor();
  await keyboard.type(s.totp());
  await keyboard.press("Enter");
  await page.getByText("Mill").waitFor();
  await keyboard.press("Tab");
  await keyboard.press("Space");
  assert.equal(await page.getByLabel("Bakery").isChecked(), false);
  await keyboard.press("Tab");
  await keyboard.press("Tab");
  const focused = page.locator(":focus-visible");
  assert.equal(await focused.innerText(), "Allow");
  await keyboard.press("Enter");
  assert.ok((await s.atClient()).has("code"));
});

test("[house] in Dutch, where the browser or the client asks for it", async (t) => {
  const s = await scene(t, { browser: { locale: "nl-NL" } });
  const { page } = s;
  await page.goto(s.url());
  assert.equal(await heading(page), "Inloggen");
  assert.equal(await page.locator("html").getAttribute("lang"), "nl");
  await page.getByLabel("Gebruikersnaam").fill(s.sandbox.username);
  await page.getByLabel("Wachtwoord").fill("fout");
  await page.getByRole("button", { name: "Inloggen" }).click();
  assert.match(await page.getByRole("alert").innerText(), /horen niet bij elkaar/);
  await page.getByLabel("Wachtwoord").fill(s.sandbox.password);
  await page.getByRole("button", { name: "Inloggen" }).click();
  assert.equal(await heading(page), "Toegang geven?");
  await page.goto(s.url({ ui_locales: "en", prompt: "login" }));
  assert.equal(await heading(page), "Sign in");
  await page.goto(s.url({ ui_locales: "fy nl", prompt: "login" }));
  assert.equal(await heading(page), "Inloggen");
});

test("[house] at 320 pixels nothing is cut off, in light and in dark", async (t) => {
  const resources = () => [{ id: "1", label: "Averylongnamewithoutanyspaces".repeat(4) }];
  for (const colorScheme of ["light", "dark"] as const) {
    const browser = { viewport: { width: 320, height: 568 }, colorScheme, javaScriptEnabled: true };
    const s = await scene(t, { rules: { resources }, browser });
    const { page } = s;
    const fits = async (): Promise<void> => {
      const width = await page.evaluate("document.documentElement.scrollWidth");
      assert.equal(width, 320, await heading(page));
    };
    const username = "a.very.long.name.without.any.spaces@example.organisation";
    const owner = await s.addOwner({ username, totpSecret: TOTP_SECRET });
    await page.goto(s.url());
    await fits();
    await logIn(page, { ...owner, password: "wrong" });
    await fits();
    await logIn(page, owner);
    await fits();
    await page.getByLabel("Code").fill(s.totp());
    await page.getByRole("button", { name: "Confirm" }).click();
    assert.equal(await heading(page), "Allow access?");
    await fits();
    await s.sandbox.issuer.grant({ clientId: s.sandbox.clientId, subject: username });
    await page.goto(`${s.sandbox.url}/account`);
    await fits();
    await page.goto(s.url({ client_id: "nobody" }));
    await fits();
  }
});

test("[ISS-37] an owner looks at what was granted, takes it away and signs out", async (t) => {
  const s = await scene(t);
  const { page } = s;
  await s.sandbox.issuer.grant({ clientId: s.sandbox.clientId, subject: s.sandbox.username });
  await page.goto(`${s.sandbox.url}/account`);
  await logIn(page, s.sandbox);
  assert.equal(await heading(page), "Apps with access");
  await page.getByRole("button", { name: "Take away the access of sandbox-client" }).click();
  await page.getByText("No app has access to your account.").waitFor();
  assert.deepEqual(await s.sandbox.issuer.listGrants({ subject: s.sandbox.username }), []);
  await page.reload();
  await page.getByRole("button", { name: "Sign out everywhere" }).click();
  assert.equal(await heading(page), "You are signed out");
  await page.goto(`${s.sandbox.url}/account`);
  assert.equal(await heading(page), "Sign in");
});

test("[ISS-32] a page of another site cannot show ours in a frame", async (t) => {
  const s = await scene(t);
  const site = await listen(
    t,
    createServer((_, response) => {
      response.writeHead(200, { "content-type": "text/html" });
      response.end(`<iframe src="${s.url().replaceAll("&", "&amp;")}"></iframe>`);
    }),
  );
  await s.page.goto(`http://${site}/`);
  assert.ok(
    s.complaints.some((text) => /frame-ancestors/.test(text)),
    s.complaints.join(),
  );
  const [, frame] = s.page.frames();
  assert.ok(!(await frame?.content())?.includes("Sign in"));
});

test("[A01] a client may send the browser on to another address of its own", async (t) => {
  const elsewhere = await listen(
    t,
    createServer((_, response) => {
      response.end("home");
    }),
  );
  const host = elsewhere.replace("127.0.0.1", "localhost");
  const s = await scene(t, { onward: `http://${host}/home` });
  await s.page.goto(s.url());
  await logIn(s.page, s.sandbox);
  await s.page.getByRole("button", { name: "Allow", exact: true }).click();
  await s.page.waitForURL(`http://${host}/home`);
  assert.equal(await s.page.locator("body").innerText(), "home");
});
