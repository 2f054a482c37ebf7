// Accounts for what is shipped: `manifest.json` (size and SHA-256 of every file, and of the sources they were
// built from) and `LICENCES.txt` (every npm package whose code or font is inside, with its licence text).
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { Plugin } from "vite";

interface LockEntry {
  version: string;
  license?: string;
  dev?: boolean;
}

/** Vite plugin: writes both files beside the built ones. `root` is the folder of package-lock.json. */
export function shippedFiles(root: string): Plugin {
  let folder = "";
  return {
    name: "shipped-files",
    apply: "build",
    configResolved: (config) => {
      folder = config.build.outDir;
    },
    closeBundle: () => {
      writeFileSync(join(folder, "LICENCES.txt"), licences(root));
      writeFileSync(join(folder, "manifest.json"), manifest(root, folder));
    },
  };
}

const SOURCES = [
  ...["docs.html", "flood.html", "index.html", "keys.html", "scene.html", "upload.html", "usage.html"],
  ...["licences", "package-lock.json", "package.json", "src", "tools", "vite.config.ts"],
];

function manifest(root: string, folder: string): string {
  const files = listFiles(folder).map((path) => {
    const bytes = readFileSync(path);
    return [relative(folder, path), { bytes: bytes.length, sha256: sha256(bytes) }] as const;
  });
  return `${JSON.stringify({ sources: sourcesHash(root), files: Object.fromEntries(files) }, null, 1)}\n`;
}

/** SHA-256 of the lines `path sha256` of all sources, so that a test without Node sees a forgotten build. */
function sourcesHash(root: string): string {
  const paths = SOURCES.map((name) => join(root, name)).flatMap((path) =>
    statSync(path).isDirectory() ? listFiles(path) : [path],
  );
  const names = paths.map((path) => relative(root, path)).sort();
  return sha256(names.map((name) => `${name} ${sha256(readFileSync(join(root, name)))}\n`).join(""));
}

function sha256(content: string | Buffer): string {
  return createHash("sha256").update(content).digest("hex");
}

function listFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name !== "manifest.json")
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** All packages that are not for building only: MapLibre comes with its own dependencies bundled inside. */
function licences(root: string): string {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    packages: Record<string, LockEntry>;
  };
  const shipped = Object.entries(lock.packages).filter(([path, entry]) => path !== "" && !entry.dev);
  const parts = shipped.map(([path, entry]) => licence(root, path, entry));
  return ["Licences of the packages shipped in this folder.\n", ...parts].join(`\n${"=".repeat(80)}\n\n`);
}

function licence(root: string, path: string, entry: LockEntry): string {
  const name = path.replace(/^.*node_modules\//, "");
  const texts = licenceFiles(root, path, name).map((file) => readFileSync(file, "utf8").trim());
  if (texts.length === 0) {
    throw new Error(`${name} ships no licence text: put it in viewer/licences/${name}.txt`);
  }
  return `${name} ${entry.version} (${entry.license})\n\n${texts.join("\n\n")}\n`;
}

/** The package's own files, or ours in `licences/` where the package forgot to ship its text. */
function licenceFiles(root: string, path: string, name: string): string[] {
  const own = readdirSync(join(root, path)).filter((file) => /^(licen[cs]e|copying|notice)/i.test(file));
  if (own.length > 0) return own.sort().map((file) => join(root, path, file));
  return readdirSync(join(root, "licences"))
    .filter((file) => file === `${name.replace("/", "--")}.txt`)
    .map((file) => join(root, "licences", file));
}
