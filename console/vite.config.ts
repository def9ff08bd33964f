import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type Plugin } from "vite";

const DOCUMENTS = join(import.meta.dirname, "src", "documents");

/** Writes documents.json: every GraphQL document of the console under its SHA-256, as the service takes such lists. */
function knownDocuments(): Plugin {
  return {
    name: "known-documents",
    apply: "build",
    generateBundle() {
      const listed: Record<string, string> = {};
      for (const name of readdirSync(DOCUMENTS).sort()) {
        const text = readFileSync(join(DOCUMENTS, name), "utf8");
        listed[createHash("sha256").update(text).digest("hex")] = text;
      }
      this.emitFile({ type: "asset", fileName: "documents.json", source: JSON.stringify(listed, null, 1) });
    },
  };
}

export default defineConfig({
  base: "/console/",
  plugins: [knownDocuments()],
  esbuild: { jsx: "automatic" },
  worker: { format: "es" },
  build: {
    outDir: join(import.meta.dirname, "..", "graphsvc", "console", "files"),
    emptyOutDir: true,
    target: "es2022",
    // What is inlined, or made at run time, the service's content security policy refuses.
    assetsInlineLimit: 0,
    modulePreload: false,
    sourcemap: false,
    chunkSizeWarningLimit: 1500,
  },
});
