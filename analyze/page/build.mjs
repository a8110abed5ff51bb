// SPDX-License-Identifier: MIT
// Make the template of the page: node build.mjs OUT.html. Same input, same bytes.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";

const here = name => fileURLToPath(new URL(name, import.meta.url));
const result = await build({
  entryPoints: [here("main.jsx")],
  bundle: true,
  minify: true,
  format: "iife",
  target: ["chrome109", "firefox115", "safari16.4"],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "inline",
  charset: "utf8",
  write: false,
  define: { "process.env.NODE_ENV": '"production"' },
});
const script = result.outputFiles[0].text.trim().replaceAll("</script", "<\\/script").replaceAll("<!--", "<\\!--");
const style = (await transform(readFileSync(here("style.css"), "utf8"), { loader: "css", minify: true })).code.trim();
const hash = text => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
const csp = `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; img-src data:; base-uri 'none'; form-action 'none'`;
const parts = { "%CSP%": csp, "%CSS%": style, "%JS%": script };
const template = readFileSync(here("template.html"), "utf8").replace(/%(CSP|CSS|JS)%/g, mark => parts[mark]);
for (const mark of ["@TITLE@", "@STATIC@", "@DATA@"])
  if (template.split(mark).length !== 2) throw new Error(`${mark} is not in the template exactly once`);
writeFileSync(process.argv[2], template);
