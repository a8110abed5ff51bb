// SPDX-License-Identifier: MIT
// What the page says of two ranges is what `pyanalyze diff` says of them: values, intervals, samples, verdicts.
//
// usage: node versus.mjs PYANALYZE DATA.JS TRACE PAGE.html [PAIRS [SEED]]
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";
import { inflateRawSync } from "node:zlib";

const [pyanalyze, data_js, trace_path, page_path, n_pairs = "3", seed = "1"] = process.argv.slice(2);
const load = name => import(pathToFileURL(data_js.replace(/data\.js$/, name)));
const data = await load("data.js"), { ALL_CLASSES, unpack } = await load("read.js"), { versus, words_of } = await load("versus.js"), { change_class, widths } = await load("diff.js");
const trace = await unpack(readFileSync(page_path, "utf8").match(/id="data">([^<]*)</)[1]);
let state = Number(seed) >>> 0, wrong = 0, compared = 0, verdicts = 0, real = 0, borderline = 0, worst = 0;
const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
function check(is, what) {
  compared++;
  if (!is && wrong++ < 20) console.log("WRONG", what);
}
function ask(words) {
  try {
    return execFileSync(pyanalyze, ["diff", ...words, trace_path, trace_path], { maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "pipe"] }).toString();
  } catch (error) {
    if (error.status === 3 || error.status === 5) return error.stdout.toString();
    throw error;
  }
}
// What was not observed has no wall time in a table, and whole intervals in the page.
const interval = trace.processes[0].interval_ns / 1e9;
const missing = trace.parts.threads.some(t => t.kind === "python" && Math.abs(t.wall - t.ticks * interval) > 1e-6);
const near = (a, b, part, what) => {
  const off = Math.abs(a - b) / Math.max(1e-12, Math.abs(b));
  worst = Math.max(worst, Math.abs(b) > 1e-6 ? off : 0);
  check(off <= part || Math.abs(a - b) < 1e-8, `${what}: ${a}, pyanalyze ${b}`);
};

function compare(choice, other, metric, key) {
  const words = words_of(trace, choice, other, metric, key), ours = versus(trace, choice, other, metric, key), where = words.join(" ");
  const theirs = JSON.parse(ask([...words, "--format", "json"])), name = row => [row.function ?? row.name, row.file, row.line_b ?? row.line_a ?? row.line ?? 0].join("|");
  if (!theirs.length) return check(ours.rows.length === 0, `${where}: ${ours.rows.length} rows of nothing`);
  const [all, ...rows] = theirs, mine = new Map();
  // a function's first line is not always known of each range: rows are found by name, lines by place
  const id = row => (key === "lines" ? name(row) : key === "files" ? row.file || row.function || row.name : [row.function ?? row.name, row.file].join("|"));
  for (const row of ours.rows) mine.set(id({ ...row, function: key === "files" ? (row.file ? "" : row.name) : row.name }), row);
  check(ours.rows.length === rows.length, `${where}: ${ours.rows.length} rows, pyanalyze ${rows.length}`);
  for (const [row, own] of [[all, ours.whole], ...rows.map(row => [row, mine.get(id(row))])]) {
    const what = `${where}: ${name(row)}`;
    check(own, `${what}: is not in the page`);
    if (!own) continue;
    near(own.a / 1e9, row.a, missing ? 0.02 : 1e-6, `${what}: A`);
    near(own.b / 1e9, row.b, missing ? 0.02 : 1e-6, `${what}: B`);
    check(own.samples[0] === row.samples_a && own.samples[1] === row.samples_b, `${what}: ${own.samples} samples, pyanalyze ${row.samples_a},${row.samples_b}`);
    near(own.margin / 1e9, row.margin, missing ? 0.25 : 1e-4, `${what}: ±`);
    verdicts++;
    real += row.real === "yes";
    // what is not observed for a moment may tip one that is on the edge
    if (missing && row.q !== null && Math.abs(row.q - 0.05) < 0.005) borderline++;
    else check(own.verdict === row.verdict, `${what}: ${own.verdict} (q ${own.q}), pyanalyze ${row.verdict} (q ${row.q})`);
  }
  if (key === "functions") compare_paths(ours, words);
}

// Paths: those of a page of diff for the same ranges.
function compare_paths(ours, words) {
  const page = ask([...words, "--format", "html"]), raw = inflateRawSync(Buffer.from(page.match(/id="data">([^<]*)</)[1].replace(/\s/g, ""), "base64"));
  const { paths, functions, files, verdicts: names } = JSON.parse(raw.subarray(4, 4 + raw.readUInt32LE(0))), theirs = new Map(), mine = new Map(), { tree } = ours;
  const add = (map, up, label, i, value) => map.set(value.path = (up ? up.path : "") + "/" + label, value);
  const of = [];
  paths.up.forEach((up, i) => add(theirs, of[up], functions[paths.fn[i]][0] + "|" + files[functions[paths.fn[i]][1]], i, of[i] = { a: paths.a[i], b: paths.b[i], verdict: names[paths.verdict[i]] }));
  const own = [null];
  for (let i = 1; i < tree.up.length; i++) {
    const fn = tree.fn[i] >= 0 ? trace.functions[tree.fn[i]] : null;
    add(mine, own[tree.up[i]], fn ? fn[0] + "|" + trace.files[fn[1]] : "<no Python frames>|", i, own[i] = { a: tree.a[i] / 1e9, b: tree.b[i] / 1e9, verdict: tree.verdict[i] });
  }
  for (const [path, row] of theirs) {
    const one = mine.get(path);
    check(one, `${words.join(" ")}: no path ${path}`);
    if (!one) continue;
    near(one.a, row.a, missing ? 0.02 : 1e-6, `A of ${path}`);
    near(one.b, row.b, missing ? 0.02 : 1e-6, `B of ${path}`);
    if (!missing) check(one.verdict === row.verdict, `${words.join(" ")}: path ${path}: ${one.verdict}, pyanalyze ${row.verdict}`);
  }
  check(ours.paths.tested === paths.tested && (missing || ours.paths.real === paths.real), `${ours.paths.real} of ${ours.paths.tested} paths, pyanalyze ${paths.real} of ${paths.tested}`);
  for (const side of ["a", "b"]) check(widths(tree, side)[0] >= tree[side][0] * (1 - 1e-9), "boxes are narrower than what is in them");
  check(tree.verdict.every((verdict, i) => change_class(verdict, tree.a[i], tree.b[i], tree.margin[i]) >= 0), "a color");
}

const all = trace.end_ns - trace.start_ns, cut = (from, to) => data.snap_range(trace, trace.start_ns + from * all, trace.start_ns + to * all);
const choice = range => ({ range, threads: null, classes: ALL_CLASSES });
compare(choice(cut(0.1, 0.45)), cut(0.55, 0.9), "cpu", "functions");
compare(choice(null), cut(0.5, 1), "wall", "lines");
for (let i = 0; i < Number(n_pairs); i++) {
  const [a, b] = [0, 1].map(() => { const from = random() * 0.8, length = 0.02 + random() * (0.98 - from); return cut(from, from + length); });
  if (a.to > a.from && b.to > b.from) compare(choice(a), b, ["wall", "cpu", "blocked", "on_cpu"][i % 4], ["functions", "lines", "files"][i % 3]);
}
// A range and itself: nothing differs.
const same = versus(trace, choice(cut(0.2, 0.7)), cut(0.2, 0.7), "cpu", "functions");
check(same.rows.every(row => row.difference === 0 && !row.real) && same.real === 0 && same.paths.real === 0, "a range differs from itself");
console.log(`${wrong === 0 ? "equal" : "DIFFERENT"}: ${compared} numbers, ${wrong} wrong; ${verdicts} verdicts, ${real} real, ${borderline} on the edge; farthest off ${worst.toExponential(1)}`);
process.exit(wrong ? 1 : 0);
