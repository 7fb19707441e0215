// Reports that lessons wrote, in Chromium: node lessons.mjs FOLDER opens each HTML file in it, holds
// what must be true of every report, and leaves pictures of it there: light, dark, printed.
// CHROMIUM=PATH takes another browser (visit.mjs).

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { launch, visitPath } from "./visit.mjs";

const FOLDER = process.argv[2];
/** A canvas with fewer colours than this has only axes on it, or nothing. */
const COLOURS_MIN = 4;

const browser = await launch();
after(() => browser.close());

const visit = (file, colorScheme, use) => visitPath(browser, join(FOLDER, file), use, { colorScheme });

/** How many colours a canvas has; runs in the page. */
function coloursOf(canvas) {
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  return new Set(new Uint32Array(copy.getImageData(0, 0, canvas.width, canvas.height).data.buffer)).size;
}

const files = readdirSync(FOLDER).filter((file) => file.endsWith(".html"));
assert.ok(files.length > 0, `there is no report in ${FOLDER}`);
for (const file of files) {
  const name = file.replace(/\.html$/, "");
  test(`${name}: findings with frames, plots with something on them`, async () => {
    await visit(file, "light", async (page) => {
      const cards = page.locator("#findings .card");
      assert.ok((await cards.count()) > 0, "something is found in every lesson");
      const evidence = page.locator("#findings .evidence button").first();
      await evidence.click();
      await page.waitForFunction(() => document.querySelector('[data-plot="sequence"] canvas') !== null);
      // Wherever the segment is, the ladder shows it.
      await page.locator(".row.selected").first().waitFor({ timeout: 5_000 });
      const over = await page.locator(".card, .facts, .machine, .overview").evaluateAll((all) =>
        all.filter((one) => one.scrollWidth > one.clientWidth + 1).map((one) => `${one.className}: ${one.scrollWidth} in ${one.clientWidth}`));
      assert.deepEqual(over, [], "nothing stands over the edge of its card");
      const colours = await page.locator('[data-plot="sequence"] canvas').evaluate(coloursOf);
      assert.ok(colours >= COLOURS_MIN, `the time–sequence plot has ${colours} colours`);
      await page.screenshot({ path: join(FOLDER, `${name}.png`), fullPage: true });
      await page.pdf({ path: join(FOLDER, `${name}.pdf`), format: "A4" });
    });
  });
  test(`${name}: dark`, async () => {
    await visit(file, "dark", (page) => page.screenshot({ path: join(FOLDER, `${name}-dark.png`), fullPage: true }));
  });
}
