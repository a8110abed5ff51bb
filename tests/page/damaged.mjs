// SPDX-License-Identifier: MIT
// Damaged data: the page says so in one sentence, whatever was cut or changed. Never another error.
//
// usage: node damaged.mjs READ.JS PAGE.html
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { deflateRawSync, inflateRawSync } from "node:zlib";

const [read_js, page_path] = process.argv.slice(2);
const { decode, unpack } = await import(pathToFileURL(read_js));
const base64 = readFileSync(page_path, "utf8").match(/id="data">([^<]*)</)[1];
const raw = new Uint8Array(inflateRawSync(Buffer.from(base64, "base64")));
let state = 7, said = 0, read = 0;
const random = n => ((state = (Math.imul(state, 1664525) + 1013904223) >>> 0) >>> 8) % n;

async function attempt(what, read_it) {
  try {
    await read_it();
    read++;
  } catch (error) {
    if (!/^the data of this page /.test(error.message)) throw new Error(`${what}: ${error.stack}`);
    said++;
  }
}
for (const cut of [0, 1, 3, 4, 5, 100, raw.length >> 1, raw.length - 1]) await attempt(`cut at ${cut}`, () => decode(raw.slice(0, cut)));
for (const cut of [0, 1, 2, 1000, base64.length >> 1]) await attempt(`base64 cut at ${cut}`, () => unpack(base64.slice(0, cut)));
await attempt("no base64", () => unpack("%%%%"));
await attempt("another version", () => unpack(deflateRawSync(Buffer.from('\x0c\0\0\0{"v":2     }')).toString("base64")));
for (let i = 0; i < 3000; i++) {
  const bytes = raw.slice();
  for (let k = 1 + random(4); k > 0; k--) bytes[random(bytes.length)] = random(256);
  await attempt(`change ${i}`, () => decode(bytes));
}
if (said < 14) throw new Error("damage was not noticed");
console.log(`damaged: ${said} said so, ${read} could be read all the same`);
