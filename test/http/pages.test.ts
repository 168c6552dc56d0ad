/** The pages by themselves: their words, their HTML, their colours. */

import { strict as assert } from "node:assert";
import { test } from "node:test";
import { consentPage } from "../../src/http/pages/consent.ts";
import { grantsPage } from "../../src/http/pages/grants.ts";
import { escapeHtml, html } from "../../src/http/pages/html.ts";
import { loginPage, secondFactorPage } from "../../src/http/pages/login.ts";
import { refusedPage } from "../../src/http/pages/notice.ts";
import { STYLE } from "../../src/http/pages/style.ts";
import { fill, localeOf, WORDS, wait } from "../../src/http/pages/words.ts";

test("[house] both languages have the same words with the same gaps, and none is empty", () => {
  const { en, nl } = WORDS;
  assert.deepEqual(Object.keys(nl).sort(), Object.keys(en).sort());
  const gaps = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const [key, text] of Object.entries(en)) {
    const other = nl[key as keyof typeof nl];
    assert.deepEqual(gaps(other), gaps(text), key);
    assert.ok(text.trim() !== "" && other.trim() !== "", key);
  }
});

test("[house] the language is the first that is asked for and that there is", () => {
  assert.equal(localeOf(undefined, undefined), "en");
  assert.equal(localeOf("nl", "en"), "nl");
  assert.equal(localeOf("de fr-BE nl-BE en", undefined), "nl");
  assert.equal(localeOf(undefined, "nl-NL,nl;q=0.9,en;q=0.8"), "nl");
  assert.equal(localeOf(undefined, "en;q=0.5, NL"), "nl");
  assert.equal(localeOf(undefined, "de, nl;q=0, en;q=0.1"), "en");
  assert.equal(localeOf("", "*"), "en");
  for (const odd of ["constructor", "__proto__", "nl;q=x", ",".repeat(1000)]) {
    assert.equal(localeOf(odd, odd), "en", odd);
  }
});

test("[house] a wait is told in words and never too short", () => {
  const { en, nl } = WORDS;
  assert.equal(wait(en, 1), "one second");
  assert.equal(wait(en, 1001), "2 seconds");
  assert.equal(wait(en, 59_001), "one minute");
  assert.equal(wait(nl, 61_000), "2 minuten");
  assert.equal(
    fill(nl.throttled, { wait: wait(nl, 1000) }),
    "Te veel pogingen. Probeer het over één seconde opnieuw.",
  );
});

test("[house] what is put into a page cannot break out of it", () => {
  const evil = `"><script>alert('1')</script>&`;
  assert.equal(String(html`<p>${evil}</p>`), `<p>${escapeHtml(evil)}</p>`);
  assert.equal(String(html`${false}${null}${undefined}${0}${[html`<b>`, "<"]}`), "0<b>&lt;");
  const setting = { locale: "en", brand: evil } as const;
  const pages = [
    loginPage(setting, { form: evil, client: evil, username: evil, mistake: "wrong" }),
    secondFactorPage(setting, { form: evil, username: evil }),
    consentPage(setting, {
      form: evil,
      client: evil,
      username: evil,
      scope: [evil],
      offline: true,
      resources: [{ id: evil, label: evil }],
      returnTo: evil,
      leadsTo: [],
      remembered: false,
    }),
    grantsPage(setting, {
      form: evil,
      username: evil,
      grants: [{ client: evil, scope: [evil], grantedAt: 0, usedAt: 0 }],
    }),
    refusedPage(setting, 400, evil),
  ];
  for (const { body } of pages) {
    assert.doesNotMatch(body, /<script|alert\('/);
    assert.ok(body.includes("&lt;script&gt;"));
  }
});

/** The contrast of two colours. WCAG 2.2, section 1.4.3 */
function contrast(one: string, other: string): number {
  const luminance = (colour: string): number => {
    const [, r = "", g = "", b = ""] = /^#(\w\w?)(\w\w?)(\w\w?)$/.exec(colour) ?? [];
    const [red = 0, green = 0, blue = 0] = [r, g, b]
      .map((part) => Number.parseInt(part.length === 1 ? part + part : part, 16) / 255)
      .map((part) => (part <= 0.040_45 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const [dark = 0, light = 0] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

test("[house] every text stands out from its ground, in light and in dark", () => {
  const schemes = [...STYLE.matchAll(/:root \{([^}]*)\}/g)].map(([, text = ""]) =>
    Object.fromEntries(
      [...text.matchAll(/--([\w-]+): (#\w+);/g)].map(([, name, value]) => [name, value]),
    ),
  );
  assert.equal(schemes.length, 2);
  for (const colours of schemes) {
    const pairs = [
      ["text", "card"],
      ["quiet", "card"],
      ["quiet", "ground"],
      ["accent", "card"],
      ["on-accent", "accent"],
      ["on-accent", "accent-strong"],
      ["alarm", "alarm-ground"],
    ] as const;
    for (const [text, ground] of pairs) {
      const ratio = contrast(colours[text] ?? "", colours[ground] ?? "");
      assert.ok(ratio >= 4.5, `${text} on ${ground}: ${ratio.toFixed(2)}`);
    }
  }
});
