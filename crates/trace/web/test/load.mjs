// Modules of src/ for tests outside of a browser.

import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { build } from "esbuild";

const src = fileURLToPath(new URL("../src/", import.meta.url));

/** The exports of src/NAME.ts. */
export async function load(...names) {
  const folder = mkdtempSync(join(tmpdir(), "handfast-page-"));
  try {
    await build({ entryPoints: names.map((name) => `${src}${name}.ts`), outbase: src, bundle: true, splitting: true, format: "esm", outdir: folder, outExtension: { ".js": ".mjs" }, logLevel: "error" });
    const modules = names.map((name) => import(pathToFileURL(join(folder, `${name}.mjs`))));
    return Object.assign({}, ...(await Promise.all(modules)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Paths of all sources below a folder. */
export function sources(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(ts|mjs|css)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}
