import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type Plugin } from "vite";

const DOCUMENTS = join(import.meta.dirname, "src", "documents");

/** A document of the console with the fragments that it spreads, as it is asked. */
function asked(path: string): string {
  const text = readFileSync(path, "utf8");
  const spread = [...new Set([...text.matchAll(/\.\.\.(\w+)/g)].map((found) => found[1]))];
  return [text, ...spread.map((name) => readFileSync(join(DOCUMENTS, "fragments", `${name}.graphql`), "utf8"))].join("");
}

/** Reads a document where one is imported. */
function importedDocuments(): Plugin {
  return {
    name: "imported-documents",
    load(id) {
      return id.endsWith(".graphql") ? `export default ${JSON.stringify(asked(id))};` : null;
    },
  };
}

/** Writes documents.json: every GraphQL document of the console under its SHA-256, as the service takes such lists. */
function knownDocuments(): Plugin {
  return {
    name: "known-documents",
    apply: "build",
    generateBundle() {
      const listed: Record<string, string> = {};
      for (const name of readdirSync(DOCUMENTS).filter((one) => one.endsWith(".graphql")).sort()) {
        const text = asked(join(DOCUMENTS, name));
        listed[createHash("sha256").update(text).digest("hex")] = text;
      }
      this.emitFile({ type: "asset", fileName: "documents.json", source: JSON.stringify(listed, null, 1) });
    },
  };
}

export default defineConfig({
  base: "/console/",
  plugins: [importedDocuments(), knownDocuments()],
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
