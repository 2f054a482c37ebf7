import { resolve } from "node:path";
import { defineConfig } from "vite";
import { cesium, cesiumWorkers } from "./tools/cesium.ts";
import { shippedFiles } from "./tools/shipped-files.ts";

const here = import.meta.dirname;

// The pages are served at `/`, `/docs`, `/upload`, `/usage`, `/keys`, `/flood` and `/3d`, their files under `/static/`. Every address is relative, so that
// the whole also works under a path prefix of a reverse proxy.
export default defineConfig({
  root: here,
  base: "./",
  build: {
    outDir: resolve(here, "../tileserver/static"),
    emptyOutDir: true,
    target: "es2022",
    sourcemap: false,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 3300, // CesiumJS, which only /3d loads
    rolldownOptions: {
      input: {
        index: resolve(here, "index.html"),
        docs: resolve(here, "docs.html"),
        upload: resolve(here, "upload.html"),
        usage: resolve(here, "usage.html"),
        keys: resolve(here, "keys.html"),
        scene: resolve(here, "scene.html"),
        flood: resolve(here, "flood.html"),
      },
      output: {
        entryFileNames: "assets/[name]-[hash].js",
        chunkFileNames: "assets/[name]-[hash].js",
        assetFileNames: ({ names }) =>
          // a server that does not know .mjs would send a type that browsers refuse to run
          names[0]?.endsWith(".mjs") ? "assets/[name]-[hash].js" : "assets/[name]-[hash][extname]",
      },
    },
  },
  experimental: {
    renderBuiltUrl: (file, { hostType }) => (hostType === "html" ? `static/${file}` : { relative: true }),
  },
  // `npm run dev` shows the sources on port 5173 over the data of a running `naru serve`
  server: { proxy: { "^/(api|common|content|flood/|models|styles|terrain|tiles|openapi.json)": "http://127.0.0.1:8000" } },
  plugins: [cesium(here), shippedFiles(here)],
  worker: { format: "es", plugins: () => [cesiumWorkers()] },
  test: { include: ["tests/**/*.test.ts"], environment: "node" },
} as Parameters<typeof defineConfig>[0]);
