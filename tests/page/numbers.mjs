// SPDX-License-Identifier: MIT
// The page's sums against pyanalyze's tables, of the whole recording and of random ranges.
//
// usage: node numbers.mjs PYANALYZE DATA.JS TRACE PAGE.html [RANGES [SEED]]
//
// Ticks are equal, CPU to the 2 us that rounding may make of it.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [pyanalyze, data_js, trace_path, page_path, n_ranges = "20", seed = "1"] = process.argv.slice(2);
const data = await import(pathToFileURL(data_js));
const page = readFileSync(page_path, "utf8");
const trace = await data.unpack(page.match(/id="data">([^<]*)</)[1]);

let state = Number(seed) >>> 0;
const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
let wrong = 0, compared = 0;
function check(is, what) {
  compared++;
  if (!is && wrong++ < 20) console.log("WRONG", what);
}

function ask(...words) {
  try {
    const out = execFileSync(pyanalyze, [...words, "--format", "json", trace_path], { maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "pipe"] });
    return JSON.parse(out);
  } catch (error) {
    // nothing in that range: a table without rows
    if (error.stderr && /nothing|no samples/.test(error.stderr.toString())) return [];
    throw error;
  }
}

const CPU_UNIT = 0.000002;

function compare_table(command, range) {
  const words = range ? ["--from", data.range_text(range.from), "--to", data.range_text(range.to)] : [];
  const theirs = ask(command, "--merge-threads", "--limit", "0", ...words);
  const choice = { range };
  const ours = new Map();
  const name = row => [row.name, row.file, row.line || 0].join("|");
  for (const metric of ["wall", "cpu"]) {
    const { self } = data.sum(trace, choice, metric);
    for (const row of data.rows(trace, self, command)) {
      const key = name(data.row_name(trace, command, row.id));
      const entry = ours.get(key) || { wall: { self: 0, cum: 0 }, cpu: { self: 0, cum: 0 } };
      entry[metric].self += row.self;
      entry[metric].cum += row.cum;
      ours.set(key, entry);
    }
  }
  const seen = new Set();
  const where = `${command} ${range ? words.join(" ") : "whole"}`;
  // rows that cannot be told apart by what json says of them are added up, in both
  const rows = new Map();
  for (const row of theirs) {
    const key = name({ name: command === "files" ? row.file || row.function : command === "modules" ? row.module ?? row.function : row.function, file: row.file, line: row.line });
    const sum = rows.get(key) || { ticks: 0, ticks_cum: 0, cpu_time: 0, cpu_time_cum: 0 };
    for (const column of Object.keys(sum)) sum[column] += row[column];
    rows.set(key, sum);
  }
  for (const [key, row] of rows) {
    const entry = ours.get(key);
    seen.add(key);
    if (!entry) {
      check(row.ticks === 0 && row.ticks_cum === 0 && row.cpu_time_cum < CPU_UNIT, `${where}: ${key} is not in the page (${row.ticks} ticks)`);
      continue;
    }
    check(entry.wall.self === row.ticks, `${where}: ${key}: ticks ${entry.wall.self}, pyanalyze ${row.ticks}`);
    check(entry.wall.cum === row.ticks_cum, `${where}: ${key}: ticks_cum ${entry.wall.cum}, pyanalyze ${row.ticks_cum}`);
    const allowed = CPU_UNIT;
    check(Math.abs(entry.cpu.self / 1e9 - row.cpu_time) <= allowed, `${where}: ${key}: cpu ${entry.cpu.self / 1e9}, pyanalyze ${row.cpu_time}`);
    check(Math.abs(entry.cpu.cum / 1e9 - row.cpu_time_cum) <= allowed, `${where}: ${key}: cpu_cum ${entry.cpu.cum / 1e9}, pyanalyze ${row.cpu_time_cum}`);
  }
  for (const [key, entry] of ours) check(seen.has(key) || (!entry.wall.cum && !(entry.cpu.cum > 1000)), `${where}: ${key} is not in pyanalyze's table`);
}

for (const command of ["functions", "lines", "files", "modules"]) compare_table(command, null);
for (let i = 0; i < Number(n_ranges); i++) {
  const length = (trace.end_ns - trace.start_ns) * 10 ** (-2.5 * random());
  const from = trace.start_ns + (trace.end_ns - trace.start_ns - length) * random();
  const range = data.snap_range(trace, from, from + length, trace.processes[Math.floor(random() * trace.processes.length)]);
  if (range.to > range.from) compare_table(i % 2 ? "lines" : "functions", range);
}
console.log(`${wrong === 0 ? "equal" : "DIFFERENT"}: ${compared} numbers, ${wrong} wrong; ${trace.threads.length} threads, ${trace.processes.length} processes`);
process.exit(wrong ? 1 : 0);
