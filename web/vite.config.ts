// One module, one stylesheet, and the transfer as a chunk of its own, which is loaded when the first upload starts.
// Not Vite's library mode: that leaves the white space in, for others' bundlers, and this goes to browsers as it is.
import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { defineConfig } from "vitest/config";

/** What others have written is in one chunk, and their licences go with it. */
const licences = {
  name: "licences",
  generateBundle(this: { emitFile(file: object): void }, _options: unknown, bundle: object): void {
    const modules = Object.values(bundle).flatMap((each: { modules?: object }) => Object.keys(each.modules ?? {}));
    const names = new Set(modules.map((each) => /node_modules\/([^/]+)\//.exec(each)?.[1]).filter((each) => each !== undefined));
    const texts = [...names].sort().map((name) => {
      const folder = resolve(__dirname, "node_modules", name);
      const file = readdirSync(folder).find((each) => /^licen[cs]e/i.test(each));
      if (!file) throw new Error(`${name} comes without its licence.`);
      const { version } = JSON.parse(readFileSync(resolve(folder, "package.json"), "utf8"));
      return `${name} ${version}\n\n${readFileSync(resolve(folder, file), "utf8").replaceAll("\r", "").trim()}\n`;
    });
    const source = `greenroom-tus.js contains the following packages.\n\n${texts.join("\n----\n\n")}`;
    this.emitFile({ type: "asset", fileName: "greenroom-tus.licences.txt", source });
  },
};

export default defineConfig({
  base: "./",
  plugins: [licences],
  build: {
    outDir: process.env.GREENROOM_OUT ?? resolve(__dirname, "../src/greenroom/static/greenroom"),
    emptyOutDir: true,
    target: "es2022",
    minify: "terser",
    // Less clever is smaller: what is written alike compresses well. No getter here does more than get, and
    // nothing that is built in was changed, which is all that `unsafe` asks for.
    terserOptions: { module: true, compress: { inline: 0, sequences: false, pure_getters: true, unsafe: true } },
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
