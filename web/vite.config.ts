// One module, one stylesheet, and the transfer as a chunk of its own, which is loaded when the first upload starts.
// Not Vite's library mode: that leaves the white space in, for others' bundlers, and this goes to browsers as it is.
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

export default defineConfig({
  base: "./",
  build: {
    outDir: process.env.GREENROOM_OUT ?? resolve(__dirname, "../src/greenroom/static/greenroom"),
    emptyOutDir: true,
    target: "es2022",
    modulePreload: false,
    cssCodeSplit: false,
    rollupOptions: {
      input: { greenroom: resolve(__dirname, "src/index.ts"), "greenroom-tus": resolve(__dirname, "src/tus.ts") },
      preserveEntrySignatures: "exports-only",
      output: {
        entryFileNames: "[name].js",
        assetFileNames: "greenroom[extname]",
      },
    },
  },
  test: { include: ["tests/**/*.test.ts"], setupFiles: "tests/browser.ts", environment: "node" },
});
