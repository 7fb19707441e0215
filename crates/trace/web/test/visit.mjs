// A page in Chromium, opened from file://, and what must never happen on it. CHROMIUM=PATH takes
// another browser.

import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

export const launch = () => chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });

/** Opens a report, lets `use` do something with it, and fails for any error or request of the page. */
export async function visitPath(browser, path, use, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 }, colorScheme: "light", ...options });
  const page = await context.newPage();
  const wrong = [];
  const url = pathToFileURL(path).href;
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && wrong.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => wrong.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => wrong.push(`dialog: ${dialog.message()}`));
  page.on("request", (request) => request.url().split("#")[0] !== url && wrong.push(`request: ${request.url()}`));
  try {
    await page.goto(url);
    await page.waitForFunction(() => document.documentElement.dataset.ready === "true");
    await use(page);
    assert.deepEqual(wrong, []);
  } finally {
    await context.close();
  }
}
