// SPDX-License-Identifier: MIT
//
// versus - two ranges of one recording: what differs, and whether that is real. No DOM.
//
// On the line:  read, data -> [versus] -> diff's trees and rows
//
// Always true:  what it says of a range and another one is what `pyanalyze diff --scale wall` says of the
//               same (words_of()): blocks of time, samples, variances and the correction are compare/series.c's
//               and compare/diff.c's. Not of a page that was thinned: of that only whole bins are known.
import { CLASSES, window_of } from "./read.js";
import { intervals, METRICS, range_text, row_name, run_at, run_cpu, snap } from "./data.js";
import { kids_of } from "./diff.js";
import { adjust, difference_of, LEVEL, PIECE, spread_open } from "./stat.js";

const BLOCKS_MAX = 128, BLOCK_INTERVALS = 20, SAMPLES_MIN = 8, DF_KNOWN = 1e6;
// What diff calls them; the page's time in the kernel is no metric of it.
const METRIC_WORDS = { cpu: "cpu", wall: "wall", on_cpu: "on_cpu", ready: "ready", gil_wait: "gil_wait", blocked: "blocked" };
const KEY_WORDS = { functions: "function", lines: "line", files: "file" };
export const NO_FRAMES_FN = -3;

// Where the blocks of a range are: { n, start, size, seconds }.
function blocks_of(trace, range) {
  let first = Math.min(...trace.recordings.map(r => r.first_ns)), last = Math.max(...trace.recordings.map(r => r.last_ns));
  if (range && range.from > first) first = range.from;
  if (range && range.to < last) last = range.to;
  const long = last > first ? last - first : 1, n = Math.floor(long / (BLOCK_INTERVALS * trace.recordings[0].interval_ns));
  const count = Math.max(2, Math.min(BLOCKS_MAX, n));
  return { n: count, start: first, size: Math.floor(long / count) + 1, seconds: long / 1e9 };
}

// Of a process: the intervals at which blocks begin; that of a tick is where the middle of its interval is.
function cuts_of(trace, process, range, blocks) {
  const [from, to] = intervals(trace, process, range), half = Math.floor(process.interval_ns / 2), cuts = [from];
  for (let b = 1; b < blocks.n; b++) {
    const at = snap(process, Math.ceil((blocks.start + b * blocks.size - process.origin_ns + half) / process.interval_ns) - 1);
    cuts.push(Math.max(cuts[b - 1], Math.min(to, at)));
  }
  return [...cuts, to];
}

// The first tick that stands for several intervals and is due in interval x or later.
function first_odd(process, x) {
  let low = 0, high = process.odd;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (process.odd_at[middle] < x) low = middle + 1;
    else high = middle;
  }
  return low;
}

// How many intervals before x were missed: they weigh, but are no samples.
function missed_before(process, x) {
  process.missed ||= process.odd_at.reduce((sums, at, i) => [...sums, sums[i] + at - process.odd_begin[i]], [0]);
  const low = first_odd(process, x);
  return process.missed[low] + (low < process.odd && process.odd_begin[low] < x ? x - process.odd_begin[low] : 0);
}

// Where the tick ends that interval x belongs to: what was missed belongs to the tick after it.
function tick_end(process, x) {
  const i = first_odd(process, x);
  return i < process.odd && process.odd_begin[i] <= x ? process.odd_at[i] + 1 : x + 1;
}

// Of the ticks of a part of a run, those that have any CPU.
function cpu_ticks(process, thread, i, from, to) {
  const shift = thread.taking[i] - thread.start[i]; // windows count the intervals that take CPU
  let n = 0;
  for (let at = from; at < to;) {
    const w = window_of(thread, at + shift + 1), last = w < thread.windows - 1 ? Math.min(to, thread.window_at[w + 1] - shift) : to;
    const len = thread.window_at[w + 1] - thread.window_at[w], q = thread.window_q[w + 1] - thread.window_q[w];
    if (q >= len) n += last - at - (missed_before(process, last) - missed_before(process, at));
    else for (let k = at, end; k < last && q > 0; k = end) {
      end = Math.min(last, tick_end(process, k));
      n += run_cpu(thread, i, k, end) > 0;
    }
    at = last;
  }
  return n;
}

// What runs weigh in one block: fn(node, weight, samples).
function each_weight(trace, choice, cuts, b, metric, fn) {
  const mask = METRICS[metric].mask & choice.classes, cpu = !METRICS[metric].mask;
  for (const process of trace.processes) {
    const from = cuts.get(process)[b], to = cuts.get(process)[b + 1];
    for (const thread of process.threads) {
      if (choice.threads && !choice.threads.has(thread.index)) continue;
      const { start, cls, runs, scope } = thread;
      for (let i = run_at(thread, from); i < runs && start[i] < to; i++) {
        if (!((cpu ? choice.classes : mask) >> cls[i] & 1) || cls[i] >= CLASSES || (choice.scopes && choice.scopes[scope[i]] !== 1)) continue;
        const first = Math.max(from, start[i]), end = Math.min(to, start[i + 1]), weight = cpu ? run_cpu(thread, i, first, end) : (end - first) * process.interval_ns;
        if (!(weight > 0)) continue;
        fn(thread.node[i], weight, cpu ? cpu_ticks(process, thread, i, first, end) : end - first - (missed_before(process, end) - missed_before(process, first)));
      }
    }
  }
}

// CPU that was found where none is used up, by the block of the interval that has it: [[node, ns, samples]..] per block.
function carries_of(trace, choice, cuts, n, metric) {
  const out = Array.from({ length: n }, () => []);
  if (METRICS[metric].mask) return out;
  for (const process of trace.processes) {
    const own = cuts.get(process);
    for (const thread of process.threads) {
      if (choice.threads && !choice.threads.has(thread.index)) continue;
      for (let k = 0; k < thread.carries; k++) {
        const run = thread.carry_run[k];
        if (run >= thread.runs || thread.carry_at[k] < own[0] || !(choice.classes >> thread.cls[run] & 1) || (choice.scopes && choice.scopes[thread.scope[run]] !== 1)) continue;
        const at = Math.max(thread.start[run], thread.carry_at[k]);
        let b = 0;
        while (b < n && own[b + 1] <= at) b++;
        const end = Math.min(own[b + 1], thread.start[run + 1], tick_end(process, at)), own_cpu = b < n && run_cpu(thread, run, at, end) > 0;
        if (b < n) out[b].push([thread.node[run], thread.carry_ns[k], own_cpu ? 0 : 1]);
      }
    }
  }
  return out;
}

// Rows of a key that are the same for diff: functions of one name in a file are one, lines are known by how
// far below its first line they are. `of` has the row of each node, 0 = no Python frames.
function rows_of(trace, key) {
  trace.same_rows ||= {};
  if (trace.same_rows[key]) return trace.same_rows[key];
  const seen = new Map(), ids = [-1], of = new Int32Array(trace.nodes);
  const of_place = Int32Array.from({ length: trace.places }, (_, place) => {
    const [name, file, first, module] = trace.functions[trace.place_fn[place]], path = trace.files[file];
    const text = key === "files" ? path || name : key === "modules" ? [path || name, module].join("\0") : key === "lines" ? [path, name, trace.place_line[place] - first].join("\0") : [path, name].join("\0");
    if (!seen.has(text)) {
      seen.set(text, ids.length);
      ids.push(place);
    }
    return seen.get(text);
  });
  for (let i = 1; i < trace.nodes; i++) of[i] = of_place[trace.place[i]];
  return trace.same_rows[key] = { of, places: ids, n: ids.length };
}

// Paths from function to function, as diff has them: { up, fn, of }; node 0 is everything, 1 has no Python frames.
function paths_of(trace) {
  if (trace.paths) return trace.paths;
  const { of: row, places } = rows_of(trace, "functions"), up = [-1, 0], fn = [-1, NO_FRAMES_FN], of = new Int32Array(trace.nodes), seen = new Map();
  of[0] = 1;
  for (let i = 1; i < trace.nodes; i++) {
    const above = trace.up[i] === 0 ? 0 : of[trace.up[i]], id = above * places.length + row[i];
    if (!seen.has(id)) {
      seen.set(id, up.length);
      up.push(above);
      fn.push(trace.place_fn[places[row[i]]]);
    }
    of[i] = seen.get(id);
  }
  return trace.paths = { up: Int32Array.from(up), fn, of };
}

// One range: what rows and paths have in it, and how that varies from block to block.
function measure(trace, choice, range, metric, key) {
  const blocks = blocks_of(trace, range), table = rows_of(trace, key), paths = paths_of(trace), n_paths = paths.up.length;
  const cuts = new Map(trace.processes.map(process => [process, cuts_of(trace, process, range, blocks)])), carries = carries_of(trace, choice, cuts, blocks.n, metric);
  const make = n => ({ n, total: new Float64Array(n), samples: new Float64Array(n), variance: new Float64Array(n), spread: spread_open(blocks.n) });
  const rows = make(table.n), tree = make(n_paths), whole = { total: 0, samples: 0, variance: 0 };
  for (let first = 0; first < blocks.n;) {
    const end = first + 2 * PIECE > blocks.n ? blocks.n : first + PIECE, wide = end - first;
    const in_rows = new Float64Array(table.n * wide), in_tree = new Float64Array(n_paths * wide), all = new Float64Array(wide);
    for (let b = first; b < end; b++) {
      const add = (node, weight, samples) => {
        const row = table.of[node], path = paths.of[node];
        in_rows[row * wide + b - first] += weight;
        in_tree[path * wide + b - first] += weight;
        rows.samples[row] += samples;
        tree.samples[path] += samples;
        all[b - first] += weight;
        whole.samples += samples;
      };
      each_weight(trace, choice, cuts, b, metric, add);
      for (const carry of carries[b]) add(...carry);
    }
    for (let i = n_paths - 1; i > 0; i--) if (paths.up[i] > 0) for (let b = 0; b < wide; b++) in_tree[paths.up[i] * wide + b] += in_tree[i * wide + b];
    const settle = (part, values) => {
      for (let i = 0; i < part.n; i++) {
        const x = values.subarray(i * wide, (i + 1) * wide);
        let sum = 0, low = wide, high = 0;
        for (let b = 0; b < wide; b++) {
          if (!x[b]) continue;
          sum += x[b];
          if (low > b) low = b;
          high = b;
        }
        if (!sum) continue;
        part.total[i] += sum;
        part.variance[i] += part.spread.sum(first, x, low, high);
        part.spread.note(first, x, low, high);
      }
    };
    settle(rows, in_rows);
    settle(tree, in_tree);
    whole.total += all.reduce((a, b) => a + b, 0);
    whole.variance += rows.spread.sum(first, all, 0, wide - 1);
    first = end;
  }
  for (let i = n_paths - 1; i > 0; i--) if (paths.up[i] > 0) tree.samples[paths.up[i]] += tree.samples[i];
  return { blocks, rows, tree, whole };
}

// A side as difference_of() takes it: a row's mean per second, and its variance.
function side_of({ blocks, whole }, total, samples, varied, { inflation, df }) {
  if (!(whole.samples > 0)) return { mean: 0, variance: 0, df: DF_KNOWN };
  const one = whole.total / whole.samples / blocks.seconds, share = whole.total > 0 ? total / whole.total : 0;
  const sampling = one * one * (samples * (share < 1 ? 1 - share : 0) + 1);
  if (!(total > 0)) return { mean: 0, variance: sampling, df: DF_KNOWN };
  return { mean: total / blocks.seconds, variance: Math.max(sampling, (varied * inflation) / blocks.seconds ** 2 + one * one), df };
}

function verdict_of(row) {
  const [a, b] = row.samples;
  if (row.real) return !a ? "new" : !b ? "gone" : row.difference > 0 ? "more" : "less";
  if (!a || !b) return !a ? "new?" : "gone?";
  return row.tested ? "noise" : "few";
}

// All rows of two sides' parts, each with its verdict.
function judge(sides, part) {
  const [x, y] = sides.map(side => side[part]), correlations = [x, y].map(one => one.spread.correlation()), rows = [];
  for (let i = 0; i < x.n; i++) {
    if (!(x.samples[i] + y.samples[i] > 0)) continue;
    const [a, b] = [x, y].map((one, w) => side_of(sides[w], one.total[i], one.samples[i], one.variance[i], correlations[w])), tested = x.samples[i] + y.samples[i] >= SAMPLES_MIN, { value, margin, p } = difference_of(a, b, tested);
    rows.push({ number: i, a: a.mean, b: b.mean, difference: value, margin, p, q: 1, samples: [x.samples[i], y.samples[i]], tested, real: false });
  }
  const tested = rows.filter(row => row.tested), q = adjust(tested.map(row => row.p));
  tested.forEach((row, i) => { row.q = q[i]; row.real = q[i] <= LEVEL; });
  for (const row of rows) row.verdict = verdict_of(row);
  return { rows, tested: tested.length, real: tested.filter(row => row.real).length, correlations };
}

// The words that ask pyanalyze the same; null where it cannot be asked.
export function words_of(trace, choice, other, metric, key) {
  if (!KEY_WORDS[key] || !METRIC_WORDS[metric] || trace.recordings.length > 1) return null;
  const edge = (range, name) => ["--" + name, range_text(range ? range[name] : name === "from" ? 0 : trace.end_ns)];
  return ["--scale", "wall", "--by", METRIC_WORDS[metric], "--key", KEY_WORDS[key], ...[choice.range, other].flatMap(range => edge(range, "from")), ...[choice.range, other].flatMap(range => edge(range, "to"))];
}

// What differs between choice.range and another one, per second of each: rows of a table as ChangesTable wants
// them, in the order of diff, what is together, and the tree of all paths (diff.js). Weights in ns per second.
export function versus(trace, choice, other, metric, key) {
  const sides = [choice.range, other].map(range => measure(trace, choice, range, metric, key)), { places } = rows_of(trace, key), paths = paths_of(trace);
  const table = judge(sides, "rows"), tree = judge(sides, "tree"), n = paths.up.length;
  const [a, b] = sides.map((side, w) => side_of(side, side.whole.total, side.whole.samples, side.whole.variance, table.correlations[w])), all = difference_of(a, b);
  const whole = { a: a.mean, b: b.mean, difference: all.value, margin: all.margin, p: all.p, q: all.p, samples: sides.map(side => side.whole.samples) };
  whole.tested = whole.samples[0] + whole.samples[1] >= SAMPLES_MIN;
  whole.real = whole.tested && all.p <= LEVEL;
  whole.verdict = verdict_of(whole);
  const named = row => {
    const place = places[row.number], fn = place < 0 ? -1 : trace.place_fn[place];
    if (place < 0) return { ...row_name(trace, key, -1), fn };
    const [name, file, line, module] = trace.functions[fn], path = trace.files[file];
    return { fn, file: path, line: key === "lines" ? trace.place_line[place] : key === "functions" ? line : 0, name: key === "files" ? path || name : key === "modules" ? module : name };
  };
  const rank = row => (row.real ? 0 : row.tested ? 1 : 2);
  const rows = table.rows.map(row => ({ ...row, ...named(row), key: row.number })).sort((x, y) => rank(x) - rank(y) || Math.abs(y.difference) - Math.abs(x.difference));
  const out = { up: paths.up, fn: paths.fn, kids: kids_of(paths.up), a: new Float64Array(n), b: new Float64Array(n), margin: new Float64Array(n), verdict: new Array(n).fill("few") };
  const put = (i, row) => {
    for (const name of ["a", "b", "margin", "verdict"]) out[name][i] = row[name];
  };
  put(0, whole);
  for (const row of tree.rows) put(row.number, row);
  return { rows, whole, tree: out, tested: table.tested, real: table.real, paths: { tested: tree.tested, real: tree.real }, blocks: sides.map(side => side.blocks) };
}
