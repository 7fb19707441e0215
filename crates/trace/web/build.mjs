// Builds dist/report.html: one file with everything in it. `--check` builds in memory and fails when
// the checked-in file is not what the sources give.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const SIZE_MAX = 200_000;
const MARKER = "<!--handfast-report-->";
const here = dirname(fileURLToPath(import.meta.url));
const asset = join(here, "dist/report.html");

async function bundled(entry) {
  const result = await build({
    absWorkingDir: here,
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    charset: "utf8",
    format: "iife",
    target: ["chrome105", "firefox113", "safari16.4"],
    legalComments: "none",
    logLevel: "warning",
  });
  return result.outputFiles[0].text.trim();
}

export async function page() {
  const script = await bundled("src/main.ts");
  const style = await bundled("src/style.css");
  if (/<\/script|<!--/i.test(script) || /<\/style/i.test(style)) {
    throw new Error("the bundle would end its own element: write that text in two parts");
  }
  const hash = createHash("sha256").update(script, "utf8").digest("base64");
  const licence = readFileSync(join(here, "node_modules/uplot/LICENSE"), "utf8").trim();
  const fill = {
    "{{script-hash}}": `'sha256-${hash}'`,
    "{{licence}}": `uPlot 1.6.32, whose code is in this page:\n${licence}`.replaceAll("--", "- -"),
    "{{style}}": style,
    "{{script}}": script,
  };
  let html = readFileSync(join(here, "src/template.html"), "utf8");
  for (const [place, text] of Object.entries(fill)) {
    if (!html.includes(place)) throw new Error(`src/template.html lacks ${place}`);
    html = html.replace(place, () => text);
  }
  const marked = html.split("\n").filter((line) => line === MARKER).length;
  if (marked !== 1) throw new Error(`${MARKER} must be one line of the page, and is ${marked}`);
  const size = Buffer.byteLength(html);
  if (size > SIZE_MAX) throw new Error(`the page has ${size} bytes and may have ${SIZE_MAX}`);
  return html;
}

async function run() {
  const html = await page();
  if (process.argv.includes("--check")) {
    const old = readFileSync(asset, "utf8");
    if (old !== html) {
      throw new Error("dist/report.html is not what src/ gives: run `npm run build`, commit it");
    }
  } else {
    mkdirSync(dirname(asset), { recursive: true });
    writeFileSync(asset, html);
  }
  console.log(`dist/report.html: ${Buffer.byteLength(html)} bytes`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await run().catch((error) => {
    console.error(`build: ${error.message}`);
    process.exitCode = 1;
  });
}
