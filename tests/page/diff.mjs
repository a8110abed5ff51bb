// SPDX-License-Identifier: MIT
// A page of a diff says what `pyanalyze diff --format json` says, table by table, and its boxes add up to it.
//
// usage: node diff.mjs PYANALYZE DATA.JS PAGE.html same|other WORDS...      WORDS: what was asked, with the files
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [pyanalyze, data_js, page_path, kind, ...words] = process.argv.slice(2);
const load = name => import(pathToFileURL(data_js.replace(/data\.js$/, name)));
const { unpack } = await load("read.js"), { change_class, diff_boxes, diff_findings, REAL, widths } = await load("diff.js");
const page = readFileSync(page_path, "utf8"), trace = await unpack(page.match(/id="data">([^<]*)</)[1]);
let wrong = 0, compared = 0;
function check(is, what) {
  compared++;
  if (!is && wrong++ < 20) console.log("WRONG", what);
}
const near = (a, b, what) => check(Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(a), Math.abs(b)), `${what}: ${a}, not ${b}`);
function ask(words, ...more) {
  try {
    return execFileSync(pyanalyze, ["diff", ...words, ...more], { maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "pipe"] }).toString();
  } catch (error) {
    if ([3, 4, 5].includes(error.status)) return error.stdout.toString(); // damage, --fail-on, no rows
    throw error;
  }
}

const plain = words.filter(word => word !== "--cumulative");
for (const [key, cum] of [["function"], ["function", "cum"], ["line"], ["line", "cum"], ["file"], ["file", "cum"], ["thread"]]) {
  const theirs = JSON.parse(ask(plain, "--format", "json", "--key", key, ...(cum ? ["--cumulative"] : []))), ours = trace.parts[cum ? `${key}_cum` : key];
  check(JSON.stringify(ours) === JSON.stringify(theirs), `${key} ${cum || ""}: ${JSON.stringify(ours).slice(0, 200)}, pyanalyze ${JSON.stringify(theirs).slice(0, 200)}`);
}
// Without scripts the page is what the command says in text.
const text = ask(words, "--limit", "0").trim().split("\n").filter(line => /^[-\s]*\d/.test(line)), entities = { "&lt;": "<", "&gt;": ">", "&amp;": "&", "&quot;": '"' };
const still = page.slice(page.indexOf('id="static"'), page.indexOf("</main>")).replace(/&\w+;/g, mark => entities[mark]);
// paths are shortened to its width
const squeezed = line => line.replace(/^(.*?[a-z]+\??) .*$/, "$1").replace(/\s+/g, " ").trim(), there = new Set(still.split("\n").map(squeezed));
check(text.slice(0, 20).every(line => there.has(squeezed(line))), `the text: ${text.slice(0, 20).find(line => !there.has(squeezed(line)))} is not in it`);

// Paths: a function's are together what it has with all it calls, where it does not call itself.
const { tree } = trace, functions = new Map(), n = tree.up.length, inside = (i, fn) => {
  for (let up = tree.up[i]; up > 0; up = tree.up[up]) if (tree.fn[up] === fn) return true;
  return false;
};
for (let i = 1; i < n; i++) {
  const [name, file] = trace.functions[tree.fn[i]], key = name + "\0" + trace.files[file], sums = functions.get(key) || { a: 0, b: 0, recursive: false };
  sums.recursive ||= inside(i, tree.fn[i]);
  sums.a += tree.a[i];
  sums.b += tree.b[i];
  functions.set(key, sums);
}
const chosen = words.some(word => word === "--match" || word === "--exclude");
for (const row of trace.parts.function_cum.slice(1)) {
  const sums = functions.get(row.function + "\0" + row.file);
  check(sums, `no path of ${row.function}`);
  if (!sums || sums.recursive) continue;
  near(sums.a, row.a, `A of paths of ${row.function}`);
  near(sums.b, row.b, `B of paths of ${row.function}`);
}
check(chosen || functions.size === trace.parts.function_cum.length - 1, `${functions.size} functions in paths, ${trace.parts.function_cum.length - 1} in the table`);
let real = 0;
for (let i = 1; i < n; i++) {
  check(!REAL.has(tree.verdict[i]) || Math.abs(tree.b[i] - tree.a[i]) >= tree.margin[i] * 0.9, `${tree.verdict[i]}, but ${tree.a[i]} to ${tree.b[i]} ±${tree.margin[i]}`);
  check((change_class(tree.verdict[i], tree.a[i], tree.b[i], tree.margin[i]) !== 0) === REAL.has(tree.verdict[i]), "a color without a verdict");
  real += REAL.has(tree.verdict[i]);
}
check(real === trace.paths.real, `${real} paths are real, it says ${trace.paths.real}`);
// Boxes: as wide as a side where it has all of them; nothing stands outside of what is below it.
for (const side of ["a", "b"]) {
  const wide = widths(tree, side), ghosts = wide[0] - tree[side][0];
  check(ghosts >= -1e-6, `as wide as ${side}: ${wide[0]}, less than ${tree[side][0]}`);
  for (const full of [false, true]) {
    const boxes = diff_boxes(tree, wide, side, 0, 0, full), at = new Map();
    near(boxes[0].width, wide[0], "all boxes");
    for (const box of boxes) {
      const row = at.get(box.depth) || [];
      at.set(box.depth, [...row, box]);
      check(box.ghost === !(tree[side][box.node] > 0), `${side}: a ghost`);
      check(box.node === 0 || box.ghost || Math.abs(box.width - tree[side][box.node]) <= 1e-6 + ghosts, `${side}: a box of ${box.width}, not ${tree[side][box.node]}`);
    }
    for (const row of at.values()) {
      row.sort((x, y) => x.x - y.x);
      for (let i = 1; i < row.length; i++) check(row[i].x >= row[i - 1].x + row[i - 1].width - 1e-6, "boxes overlap");
    }
    if (full) check(boxes.length === wide.filter(w => w > 0).length, `${boxes.length} boxes`);
  }
}
const told = diff_findings(trace.parts.function);
check(told.rows.length + told.more === trace.parts.function.slice(1).filter(row => row.real === "yes").length, "what stands out");
check(told.rows.every(row => row.real === "yes"), "something that is not real stands out");
if (kind === "same") check(real === 0 && told.rows.length === 0, `${real} paths of the same recording differ`);
console.log(`${wrong === 0 ? "equal" : "DIFFERENT"}: ${compared} numbers, ${wrong} wrong; ${n} paths, ${real} real`);
process.exit(wrong ? 1 : 0);
