// What of CesiumJS goes into the 3D scene: no checks for developers, no decoders of formats that Naru never sends
// (they would need WebAssembly, which the page's policy refuses), and files found where the build put them.
import { resolve } from "node:path";
import type { Plugin } from "vite";

const ENGINE = /@cesium[\\/]engine[\\/]Source[\\/]/;
const CHECKS = /\/\/>>includeStart\('debug', pragmas\.debug\);[\s\S]*?\/\/>>includeEnd\('debug'\);?/g;
const DECODERS: Record<string, string> = { meshoptimizer: "MeshoptDecoder", "@spz-loader/core": "loadSpz" };

/** Vite plugin for the page. `root` is the viewer's folder. */
export function cesium(root: string): Plugin {
  return {
    name: "cesium",
    enforce: "pre",
    resolveId(id, importer) {
      if (!importer || !ENGINE.test(importer)) return null;
      if (id.endsWith("/buildModuleUrl.js")) return resolve(root, "src/scene/cesium-files.ts");
      return id in DECODERS ? `\0without:${id}` : null;
    },
    load(id) {
      const [, name] = id.split("\0without:");
      return name === undefined ? null : `export const ${DECODERS[name]} = { supported: false };`;
    },
    transform: withoutChecks,
  };
}

/** The same for Cesium's workers, which ask for no files. */
export function cesiumWorkers(): Plugin {
  return { name: "cesium-workers", enforce: "pre", transform: withoutChecks };
}

/** Also without the style element that the list of credits would bring, which the policy refuses. */
function withoutChecks(code: string, id: string) {
  return ENGINE.test(id) ? { code: code.replace(CHECKS, "").replace("  appendCss(container);\n", ""), map: null } : null;
}
