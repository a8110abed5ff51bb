// SPDX-License-Identifier: MIT
// A page that was thinned against the exact one of the same recording.
//
// usage: node thin.mjs DATA.JS EXACT.html THINNED.html [RANGES [SEED]]
//
// Over whole bins all sums are equal, over parts of bins those of threads and states; the error that
// is stated for shares of stacks holds for 94 % of them. Without RANGES: of the whole only.
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [data_js, exact_path, thin_path, n_ranges = "40", seed = "1"] = process.argv.slice(2);
const data = await import(pathToFileURL(data_js));
const { unpack } = await import(pathToFileURL(data_js.replace(/data\.js$/, "read.js")));
const open = path => unpack(readFileSync(path, "utf8").match(/id="data">([^<]*)</)[1]);
const exact = await open(exact_path), thin = await open(thin_path);

let state = Number(seed) >>> 0, wrong = 0, compared = 0;
const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
function check(is, what) {
  compared++;
  if (!is && wrong++ < 20) console.log("WRONG", what);
}
const near = (a, b, what) => check(Math.abs(a - b) <= 2 * Math.max(1, thin.processes[0].quantum_ns), `${what}: ${a}, exactly ${b}`);

check(exact.thin === null, "the exact page was thinned");
check(thin.thin !== null, "the other page was not thinned");
const { bin, fine } = thin.thin, process_ = thin.processes[0];
const at = interval => process_.origin_ns + interval * process_.interval_ns;
const rows = (trace, weights, key) => {
  const out = new Map(), error = trace.thin ? data.thin_errors(trace, weights, key) : () => 0;
  for (const row of data.rows(trace, weights.self, key)) {
    const { name, file, line } = data.row_name(trace, key, row.id);
    const at_key = [name, file, line].join("|"), entry = out.get(at_key) || { self: 0, cum: 0, error: 0 };
    out.set(at_key, { self: entry.self + row.self, cum: entry.cum + row.cum, error: entry.error + error(row.id) });
  }
  return out;
};

// Threads and states, in a range of whole parts.
function compare_threads(range, where) {
  const a = data.by_thread(exact, { range }), b = data.by_thread(thin, { range });
  for (const thread of exact.threads)
    a[thread.index].ticks.forEach((n, cls) => check(n === b[thread.index].ticks[cls], `${where}: ${thread.name}: class ${cls}: ${b[thread.index].ticks[cls]}, exactly ${n}`));
}

// Everything, in a range of whole bins.
function compare_all(range, where) {
  compare_threads(range, where);
  const a = data.by_thread(exact, { range }), b = data.by_thread(thin, { range });
  for (const thread of exact.threads) near(b[thread.index].cpu_ns, a[thread.index].cpu_ns, `${where}: CPU of ${thread.name}`);
  for (const metric of Object.keys(data.METRICS)) {
    for (const key of Object.keys(data.KEYS)) {
      const weights = data.sum(thin, { range }, metric), theirs = rows(exact, data.sum(exact, { range }, metric), key), ours = rows(thin, weights, key);
      check(ours.size === theirs.size, `${where}: ${key}: ${ours.size} rows, exactly ${theirs.size}`);
      for (const [name, row] of theirs) {
        const mine = ours.get(name) || { self: 0, cum: 0, error: 0 };
        near(mine.self, row.self, `${where}: ${metric} of ${name}`);
        near(mine.cum, row.cum, `${where}: ${metric} of all below ${name}`);
        check(mine.error === 0, `${where}: ${name} has an error, though the range cuts no bin`);
      }
    }
  }
  const waits = data.gil(exact, { range }), bins = data.gil(thin, { range });
  waits.forEach((map, i) => map.forEach((ns, who) => near(bins[i].get(who) || 0, ns, `${where}: ${exact.threads[i].name} waits for ${who}`)));
}

compare_all(null, "whole");
for (let i = 0; i < (Number(n_ranges) ? 6 : 0); i++) {
  const first = Math.floor(random() * (process_.intervals / bin)), last = Math.min(Math.floor(process_.intervals / bin), first + 1 + Math.floor(random() * 3));
  if (last > first) compare_all({ from: at(first * bin), to: at(last * bin) }, `bins ${first} to ${last}`);
}

// Shares within ranges that cut bins.
const whole = data.sum(thin, { range: null }, "wall"), ids = {};
for (const key of ["functions", "lines"]) {
  ids[key] = new Map();
  for (const row of data.rows(thin, whole.self, key)) {
    const { name, file, line } = data.row_name(thin, key, row.id), at_key = [name, file, line].join("|");
    ids[key].set(at_key, [...ids[key].get(at_key) || [], row.id]);
  }
}
const shares = { all: 0, held: 0, squares: 0, stated: 0 }, by = {};
for (let i = 0; i < Number(n_ranges); i++) {
  const length = Math.max(1, Math.round((bin / fine) ** random() * (1 + random()))) * fine;
  const from = Math.floor((random() * (process_.intervals - length)) / fine) * fine, range = { from: at(from), to: at(from + length) };
  if (from < 0 || from + length >= process_.intervals) continue;
  compare_threads(range, `parts ${from / fine} to ${(from + length) / fine}`);
  for (const metric of ["wall", "cpu", "on_cpu", "gil_wait"]) {
    const a = data.sum(exact, { range }, metric), b = data.sum(thin, { range }, metric);
    if (!a.total || !b.total) continue;
    for (const key of ["functions", "lines"]) {
      const theirs = rows(exact, a, key), ours = rows(thin, b, key), error_of = data.thin_errors(thin, b, key);
      for (const name of new Set([...theirs.keys(), ...ours.keys()])) {
        const p = (theirs.get(name)?.self || 0) / a.total, q = (ours.get(name)?.self || 0) / b.total;
        if (Math.max(p, q) < 0.002) continue;
        // what is not seen in the range has an error, too
        const error = Math.max(...ids[key].get(name).map(error_of)), held = Math.abs(p - q) <= error + 1e-9;
        shares.squares += (p - q) ** 2;
        shares.stated += (error / 1.96) ** 2;
        const size = `${metric} ${length * length < bin * fine ? "short" : length < bin ? "middle" : "long"}`;
        by[size] ||= { all: 0, held: 0 };
        for (const sums of [shares, by[size]]) {
          sums.all++;
          sums.held += held;
        }
      }
    }
  }
}
if (Number(n_ranges)) {
  check(shares.all > 1000, `only ${shares.all} shares were compared`);
  // not only the tail is as wide as it is said to be: squares of errors are together what is stated, or less
  check(shares.squares <= shares.stated, `errors are ${Math.sqrt(shares.squares / shares.stated).toFixed(2)} times as large as stated`);
  check(shares.held >= 0.94 * shares.all, `the error holds for ${shares.held} of ${shares.all} shares`);
}
for (const [size, { all, held }] of Object.entries(by)) check(all < 300 || held >= 0.9 * all, `${size}: the error holds for ${held} of ${all} shares`);
for (const [size, { all, held }] of Object.entries(by).sort()) console.log(`  ${size}: ${(100 * held / all).toFixed(1)} % of ${all}`);
console.log(`${wrong === 0 ? "right" : "WRONG"}: ${compared} comparisons, ${wrong} wrong; ${shares.all} shares, ${(100 * shares.held / shares.all).toFixed(2)} % within their error, which is ${Math.sqrt(shares.stated / shares.squares).toFixed(2)} times the true one on average; bins of ${(bin * process_.interval_ns / 1e9).toFixed(2)} s`);
process.exit(wrong ? 1 : 0);
