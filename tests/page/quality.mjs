// SPDX-License-Identifier: MIT
// What the page says of how well it was recorded: thresholds, and the numbers of pyanalyze info.
//
// usage: node quality.mjs PYANALYZE QUALITY.JS TRACE PAGE.html      a trace with missed ticks and failed stacks
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [pyanalyze, quality_js, trace_path, page_path] = process.argv.slice(2);
const { damage_findings, quality_findings, remainder } = await import(pathToFileURL(quality_js));
const { unpack } = await import(pathToFileURL(quality_js.replace(/quality\.js$/, "read.js")));
let wrong = 0;
const check = (is, what) => { if (!is) { wrong++; console.log("WRONG", what); } };
const has = (list, words) => list.some(finding => finding.text.includes(words));

const page = await unpack(readFileSync(page_path, "utf8").match(/id="data">([^<]*)</)[1]);
const info = JSON.parse(execFileSync(pyanalyze, ["info", "--format", "json", trace_path]));
const sum = (rows, name) => rows.reduce((a, row) => a + (row[name] || 0), 0);
const said = quality_findings(page), missed = sum(info.quality, "ticks_missed"), due = sum(info.quality, "ticks_due");
check(missed > 0.01 * due && has(said, `${missed} of ${due} ticks were missed`), "missed ticks are not told as info has them");
for (const name of Object.keys(info.quality[0]).filter(name => name.startsWith("failed: ")))
  check(has(said, `${name.slice(8)} ${sum(info.quality, name)}`), `"${name}" is not told`);

// each threshold from both sides, on a recording made of numbers
const thread = (name, index, blocked) => ({ name, index, process: 0, runs: 2, begin: 0, start: [0, 1000 - blocked, 1000], node: [0, 0], cls: [0, 3], gc: [0, 0], call: [0, 0], cpu_ns: [0, 0], taking: [0, 0, 0], carries: 0, carry_at: [], windows: 0 });
function made({ quality = {}, books = {}, blocked = 0, threads = 4 }) {
  const trace = { thin: null, processes: [{ intervals: 1000, interval_ns: 1e6, origin_ns: 0, odd: 0, odd_at: [], fine: 1 }], threads: [], parts: { info: { quality: [{ ticks_due: 1000, ticks_missed: 0, samples: 10000, ...quality }], books: [{ thread_clocks: 10, unattributed: 0, ...books }] } } };
  for (let i = 0; i < threads; i++) trace.threads.push(thread(`worker-${i}`, i, blocked));
  trace.processes[0].threads = trace.threads;
  return quality_findings(trace);
}
for (const [words, above, below] of [
  ["ticks were missed", { quality: { ticks_missed: 11 } }, { quality: { ticks_missed: 10 } }],
  ["is unattributed", { books: { unattributed: 0.51 } }, { books: { unattributed: 0.5 } }],
  ["In no row: 0.501 s of CPU, 5.0 % of what the process used: 0.500 s in threads that ended unseen", { books: { thread_clocks: 9.5, native_threads: 0.001, unseen: 0.5, sampler: 1, os: 11.001 } }, { books: { thread_clocks: 9.9, unseen: 0.1, os: 10 } }],
  ["1.500 s before the first look or after the last", { books: { os: 11.5 } }, { books: { os: 11 } }],
  ["could not be read", { quality: { "failed: torn": 11 } }, { quality: { "failed: torn": 10 } }],
  ["4 threads worker* were blocked", { blocked: 951 }, { blocked: 950 }],
  ["threads worker* were blocked", { blocked: 990 }, { blocked: 990, threads: 3 }],
]) {
  check(has(made(above), words), `nothing is said above the threshold of "${words}"`);
  check(!has(made(below), words), `something is said below the threshold of "${words}"`);
}
check(remainder({ parts: {}, made_by: "pyanalyze report --from 2s x.trace" }) === null, "of a range the rest is not known");
check(damage_findings(page).length === 0 && damage_findings({ ...page, damages: ["x.trace: cut"], more_damages: 1 })[0].text.startsWith("2 parts of what was recorded could not be read and are in no number here: x.trace: cut; .."), "damage is not told");
check(made({}).length === 0, "something stands out of a good recording");
check(!quality_findings({ ...page, parts: {} }).some(finding => finding.tab === "info"), "something is said without info");
console.log(wrong ? `${wrong} wrong` : "quality: right");
process.exit(wrong ? 1 : 0);
