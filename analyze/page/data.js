// SPDX-License-Identifier: MIT
//
// data - sums over ranges of time, threads and states.
//
// On the line:  blob -> read -> [data, shapes] -> the page
// Needs:        no DOM; node runs it in the tests.
//
// Always true:  sums over all nodes (node 0, "no Python frames", included) are the ticks of the chosen
//               classes; of the whole time and of any range they are what pyanalyze prints with the
//               --from and --to that range_text() gives. Of a page that was thinned (report_thin.h):
//               of whole bins; ranges are whole parts of bins, and within them what each thread did
//               in each class of states is exact, while stacks have thin_errors().
import { ALL_CLASSES, CLASSES, cpu_before, DRAWN, KERNEL, NO_FRAMES, ON_CPU, READY, takes_cpu, WAITS_GIL, window_of } from "./read.js";

// ---- time ----

// First index with list[index] >= value.
function lower(list, value) {
  let low = 0, high = list.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

// Where the first tick that is due in interval x or later begins to count: a tick that stands for
// several intervals is never cut, as in pyanalyze. Where the page was thinned: the nearest border of
// parts of bins.
export function snap(process, x) {
  if (process.fine > 1) return Math.min(process.intervals, Math.round(x / process.fine) * process.fine);
  const i = lower(process.odd_at, x);
  return i < process.odd && process.odd_begin[i] < x ? process.odd_begin[i] : x;
}

// The first interval whose middle is at that time or later.
export function interval_of(process, ns) {
  return Math.max(0, Math.min(process.intervals, Math.ceil((ns - process.origin_ns) / process.interval_ns - 0.5)));
}

// The intervals of a process in a range of time; null is all of it.
export function intervals(trace, process, range) {
  if (!range) return [0, process.intervals];
  const from = range.from <= process.origin_ns ? 0 : snap(process, interval_of(process, range.from));
  const end = process.origin_ns + process.intervals * process.interval_ns;
  return [from, range.to >= end ? process.intervals : snap(process, interval_of(process, range.to))];
}

// The nearest borders of the grid that most threads are on. Of a page that was thinned: of parts of
// bins, and of whole bins, within which nothing is uncertain, where that changes little.
export function snap_range(trace, from, to, process = trace.processes[0]) {
  if (!process) return { from, to };
  const { thin } = trace, step = (!thin ? 1 : to - from >= 4 * thin.bin * process.interval_ns ? thin.bin : thin.fine) * process.interval_ns;
  const border = ns => process.origin_ns + Math.round((ns - process.origin_ns) / step) * step, out = { from: border(from), to: border(to) };
  if (thin && out.to <= out.from) {
    out.from = process.origin_ns + Math.floor((from - process.origin_ns) / step) * step;
    out.to = out.from + step;
  }
  return out;
}

// As --from and --to take it.
export const range_text = ns => (ns / 1e9).toFixed(9).replace(/0+$/, "").replace(/\.$/, "") + "s";

export function run_at(thread, interval) {
  let low = 0, high = thread.runs;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (thread.start[middle + 1] <= interval) low = middle + 1;
    else high = middle;
  }
  return low;
}

// ---- sums ----

export const METRICS = {
  cpu: { name: "CPU", mask: 0 },
  wall: { name: "wall", mask: ALL_CLASSES },
  on_cpu: { name: "on CPU", mask: 1 << ON_CPU | 1 << KERNEL },
  ready: { name: "ready", mask: 2 },
  gil_wait: { name: "GIL wait", mask: 4 },
  blocked: { name: "blocked", mask: 8 },
  kernel: { name: "in the kernel", mask: 1 << KERNEL },
};

// Call fn(thread, run, first interval, end) for the parts of runs in the range, of the chosen threads
// (a Set of indices; null: all), classes (a mask) and scopes (scopes.js: 1 for each that is chosen; null: all).
export function each_run(trace, { range = null, threads = null, classes = ALL_CLASSES, scopes = null }, fn) {
  for (const process of trace.processes) {
    const [from, to] = intervals(trace, process, range);
    for (const thread of process.threads) {
      if (threads && !threads.has(thread.index)) continue;
      const { start, cls, runs, scope } = thread;
      for (let i = run_at(thread, from); i < runs && start[i] < to; i++) {
        if (cls[i] >= CLASSES || !(classes >> cls[i] & 1) || (scopes && scopes[scope[i]] !== 1)) continue;
        fn(thread, i, start[i] < from ? from : start[i], start[i + 1] > to ? to : start[i + 1]);
      }
    }
  }
}

// CPU in ns of part of a run.
export function run_cpu(thread, i, from, to) {
  if (from === thread.start[i] && to === thread.start[i + 1]) return thread.cpu_ns[i];
  if (!takes_cpu(thread.cls[i])) return 0;
  const a = thread.taking[i] + (from - thread.start[i]), b = thread.taking[i] + (to - thread.start[i]);
  return cpu_before(thread, b, window_of(thread, b)) - (a > 0 ? cpu_before(thread, a, window_of(thread, a)) : 0);
}

// The carries whose samples are in the range: fn(thread, run that takes it, ns).
export function each_carry(trace, { range = null, threads = null, classes = ALL_CLASSES, scopes = null }, fn) {
  for (const process of trace.processes) {
    const [from, to] = intervals(trace, process, range);
    for (const thread of process.threads) {
      if (threads && !threads.has(thread.index)) continue;
      for (let k = lower(thread.carry_at, from); k < thread.carries && thread.carry_at[k] < to; k++) {
        const run = thread.carry_run[k];
        if (run < thread.runs && Math.max(thread.start[run], thread.carry_at[k]) < to && classes >> thread.cls[run] & 1 && (!scopes || scopes[thread.scope[run]] === 1))
          fn(thread, run, thread.carry_ns[k]);
      }
    }
  }
}

// Of a page that was thinned: per process what of a range is whole bins; [to, to] where nothing is.
function whole_bins(trace, range) {
  const { bin } = trace.thin, whole = new Map();
  for (const process of trace.processes) {
    const [from, to] = intervals(trace, process, range);
    const low = Math.ceil(from / bin) * bin, high = to >= process.intervals ? to : Math.floor(to / bin) * bin;
    whole.set(process, low < high ? [low, high] : [to, to]);
  }
  return whole;
}

// How much of a part of a run is in a bin that the range cuts, so that it is only likely to be in the
// range at all; null where nothing is cut.
function cut_by(trace, range) {
  if (!trace.thin || !range) return null;
  const whole = whole_bins(trace, range);
  return (thread, i, from, to) => {
    if (!thread.share[i]) return 0;
    const [low, high] = whole.get(trace.processes[thread.process]);
    return Math.max(0, Math.min(to, low) - from) + Math.max(0, to - Math.max(from, high));
  };
}

const BINS_KEPT = 16;

// Of a whole bin: per node what is in shares, and the squares of these. The same for all ranges that cut
// it, and two borders of ranges are all that move, so some are kept.
function of_bin(trace, { threads, classes, scopes }, metric, process, begin, end) {
  const mask = (METRICS[metric].mask || ALL_CLASSES) & (classes ?? ALL_CLASSES), key = JSON.stringify([metric, mask, threads && [...threads], scopes && scopes.join(""), trace.processes.indexOf(process), begin, end]);
  trace.bins ||= new Map();
  if (trace.bins.has(key)) return trace.bins.get(key);
  if (trace.bins.size >= BINS_KEPT) trace.bins.delete(trace.bins.keys().next().value);
  const weights = new Float64Array(trace.nodes), squares = new Float64Array(trace.nodes);
  for (const thread of process.threads) {
    if (threads && !threads.has(thread.index)) continue;
    const { start, share, cls, node, scope } = thread;
    for (let i = run_at(thread, begin); i < thread.runs && start[i] < end; i++) {
      if (!share[i] || !(mask >> cls[i] & 1) || (scopes && scopes[scope[i]] !== 1)) continue;
      const from = Math.max(begin, start[i]), to = Math.min(end, start[i + 1]), weight = METRICS[metric].mask ? to - from : run_cpu(thread, i, from, to);
      weights[node[i]] += weight;
      squares[node[i]] += weight * weight * share[i] / (to - from);
    }
  }
  trace.bins.set(key, { weights, squares });
  return trace.bins.get(key);
}

// The bins that a range cuts.
function cut_bins(trace, choice, metric) {
  const { bin } = trace.thin, out = new Set();
  for (const [process, [low, high]] of whole_bins(trace, choice.range)) {
    const [from, to] = intervals(trace, process, choice.range);
    const add = (at, until) => { for (; at < until; at += bin) out.add(of_bin(trace, choice, metric, process, at, at + bin)); };
    const begin = Math.floor(from / bin) * bin;
    if (low < high) {
      add(begin, low);
      add(high, to);
    } else add(begin, to);
  }
  return [...out];
}

// What every node weighs itself: ticks, or ns of CPU for the metric "cpu". `samples` is Kish's number:
// of how many equal samples one would know as much (share.h). Where the range cuts bins of a page that
// was thinned, `likely` is what of a node is only likely to be in it, `squares` are of the shares that it
// consists of.
export function sum(trace, choice, metric) {
  const self = new Float64Array(trace.nodes), mask = METRICS[metric].mask & (choice.classes ?? ALL_CLASSES);
  const cut = cut_by(trace, choice.range), likely = cut && new Float64Array(trace.nodes), piece_squares = cut && new Float64Array(trace.nodes);
  const doubt = (thread, i, from, to, weight) => {
    const n = cut(thread, i, from, to), part = n / (to - from) * weight;
    if (!n) return;
    likely[thread.node[i]] += part;
    piece_squares[thread.node[i]] += part * part * thread.share[i] / n;
  };
  let total = 0, ticks = 0, squares = 0;
  if (METRICS[metric].mask) {
    each_run(trace, { ...choice, classes: mask }, (thread, i, from, to) => {
      self[thread.node[i]] += to - from;
      total += to - from;
      if (cut) doubt(thread, i, from, to, to - from);
    });
    return { self, total, samples: total, likely, squares: piece_squares, of: { choice, metric } };
  }
  each_run(trace, choice, (thread, i, from, to) => {
    ticks += to - from;
    const ns = run_cpu(thread, i, from, to);
    if (ns === 0) return;
    self[thread.node[i]] += ns;
    total += ns;
    squares += ns * ns / (to - from);
    if (cut) doubt(thread, i, from, to, ns);
  });
  each_carry(trace, choice, (thread, run, ns) => {
    self[thread.node[run]] += ns;
    total += ns;
  });
  const samples = squares > 0 ? total * total / squares : ticks;
  return { self, total, samples: Math.max(1, Math.min(samples, ticks)), likely, squares: piece_squares, of: { choice, metric } };
}

// The +- of a share: the farther end of Wilson's 95 % interval (share.h).
export function share_error(share, samples) {
  const z = 1.959964, c = z * z / Math.max(1, samples), inside = share > 0 && share < 1 ? share * (1 - share) : 0;
  return (Math.sqrt(c * inside + c * c / 4) + c * Math.abs(0.5 - share)) / (1 + c);
}

// The +- of the shares of rows that comes from thinning alone: id -> error. What of a row is likely to
// be in the range consists of pieces, each of which is in it or not: Wilson's interval again, of as
// many pieces as are worth as much as these (Kish), or as those that the row has in the bins that the
// range cuts, if these are larger: which of them are in the range is chance. What has none there is not.
export function thin_errors(trace, weights, key) {
  const { likely, squares, total, of: { choice, metric } } = weights;
  if (!likely || !total) return () => 0;
  const { of } = outermost(trace, key), bins = cut_bins(trace, choice, metric), n = KEYS[key].count(trace) + 1;
  const own = new Float64Array(n), own_squares = new Float64Array(n), all = new Float64Array(n), all_squares = new Float64Array(n);
  for (let i = 0; i < trace.nodes; i++) {
    own[of[i] + 1] += likely[i];
    own_squares[of[i] + 1] += squares[i];
    for (const one of bins) {
      all[of[i] + 1] += one.weights[i];
      all_squares[of[i] + 1] += one.squares[i];
    }
  }
  return id => {
    const k = id + 1, piece = Math.max(own[k] ? own_squares[k] / own[k] : 0, all[k] ? all_squares[k] / all[k] : 0);
    return piece ? share_error(own[k] / total, total / piece) : 0;
  };
}

// Sums of nodes with all that is below them.
export function totals(up, self) {
  const total = Float64Array.from(self);
  for (let i = total.length - 1; i > 0; i--) if (total[i]) total[up[i]] += total[i];
  return total;
}

// What rows there can be: place -> key.
export const KEYS = {
  functions: { of: (t, place) => t.place_fn[place], count: t => t.functions.length },
  lines: { of: (t, place) => line_key(t)[place], count: t => line_key(t).count },
  files: { of: (t, place) => file_key(t).of_fn[t.place_fn[place]], count: t => file_key(t).names.length },
  modules: { of: (t, place) => module_key(t).of_fn[t.place_fn[place]], count: t => module_key(t).names.length },
};

// Places of one function and line are one row, whatever the expression.
function line_key(trace) {
  if (trace.line_keys) return trace.line_keys;
  const keys = new Int32Array(trace.places), seen = new Map();
  trace.line_place = [];
  for (let i = 0; i < trace.places; i++) {
    const key = trace.place_fn[i] + ":" + trace.place_line[i];
    if (!seen.has(key)) {
      seen.set(key, seen.size);
      trace.line_place.push(i);
    }
    keys[i] = seen.get(key);
  }
  keys.count = seen.size;
  return trace.line_keys = keys;
}

// What has no file (no frames, frames that could not be read) stands for itself.
const file_of = (trace, [name, file]) => trace.files[file] || name;

function named_key(trace, cache, name_of) {
  if (trace[cache]) return trace[cache];
  const seen = new Map(), names = [], files = [];
  const of_fn = trace.functions.map(fn => {
    const file = file_of(trace, fn), name = name_of(fn), key = file + "\0" + name;
    if (!seen.has(key)) {
      seen.set(key, names.length);
      names.push(name);
      files.push(file);
    }
    return seen.get(key);
  });
  return trace[cache] = { of_fn, names, files };
}

// Every file is a module of its own, whatever it is called.
const module_key = trace => named_key(trace, "module_keys", fn => fn[3]);
const file_key = trace => named_key(trace, "file_keys", fn => file_of(trace, fn));

// What a row of a table is called: { name, file, line }.
export function row_name(trace, key, id) {
  if (id < 0) return { name: NO_FRAMES, file: key === "files" || key === "modules" ? NO_FRAMES : "", line: 0 };
  if (key === "functions") {
    const [name, file, line] = trace.functions[id];
    return { name, file: trace.files[file], line };
  }
  if (key === "lines") {
    const place = trace.line_place[id], [name, file] = trace.functions[trace.place_fn[place]];
    return { name, file: trace.files[file], line: trace.place_line[place] };
  }
  const keys = key === "files" ? file_key(trace) : module_key(trace);
  return { name: keys.names[id], file: keys.files[id], line: 0 };
}

// Is the node the outermost one of its key on its path? Per key, made once.
function outermost(trace, key) {
  trace.outermost ||= {};
  if (trace.outermost[key]) return trace.outermost[key];
  const k = KEYS[key], n = trace.nodes, of = new Int32Array(n).fill(-1), is = new Uint8Array(n);
  for (let i = 1; i < n; i++) of[i] = k.of(trace, trace.place[i]);
  const depth = new Int32Array(k.count(trace));
  // nodes come in preorder: the path to the open one is a stack
  const path = [];
  for (let i = 1; i < n; i++) {
    while (path.length && path[path.length - 1] !== trace.up[i]) depth[of[path.pop()]]--;
    is[i] = depth[of[i]]++ === 0 ? 1 : 0;
    path.push(i);
  }
  return trace.outermost[key] = { of, is };
}

// Rows of a table: [{ id, self, cum }], id -1 for what has no Python frames.
export function rows(trace, self, key) {
  const { of, is } = outermost(trace, key), n = KEYS[key].count(trace), total = totals(trace.up, self);
  const own = new Float64Array(n), cum = new Float64Array(n), out = [];
  for (let i = 1; i < trace.nodes; i++) {
    if (self[i]) own[of[i]] += self[i];
    if (is[i] && total[i]) cum[of[i]] += total[i];
  }
  for (let id = 0; id < n; id++) if (cum[id]) out.push({ id, self: own[id], cum: cum[id] });
  if (self[0]) out.push({ id: -1, self: self[0], cum: self[0] });
  return out;
}

// Two ranges side by side: [{ id, a, b, difference, margin }], self per second of each range; the margin is
// what sampling alone makes of the difference, 95 %. What differs from one time to the next by itself it
// does not know.
export function compare(trace, choice, other, metric, key) {
  const sides = [choice.range, other].map(range => {
    const weights = sum(trace, { ...choice, range }, metric), unit = metric === "cpu" ? 1 : trace.processes[0].interval_ns;
    const seconds = range ? range.to - range.from : trace.end_ns - trace.start_ns;
    const self = new Map(rows(trace, weights.self, key).map(row => [row.id, row.self]));
    const rate = weights.total * unit / seconds, thinned = thin_errors(trace, weights, key);
    return { self, of: id => (self.get(id) || 0) * unit / seconds, error: id => rate * Math.hypot(share_error(weights.total ? (self.get(id) || 0) / weights.total : 0, weights.samples), thinned(id)) };
  });
  const [a, b] = sides;
  return [...new Set([...a.self.keys(), ...b.self.keys()])].map(id => ({ id, a: a.of(id), b: b.of(id), difference: b.of(id) - a.of(id), margin: Math.hypot(a.error(id), b.error(id)) }));
}

// ---- threads, the GIL, lines of a file ----

// Per thread: ticks by class and ns of CPU.
export function by_thread(trace, choice) {
  const out = trace.threads.map(() => ({ ticks: new Float64Array(CLASSES), cpu_ns: 0 }));
  each_run(trace, choice, (thread, i, from, to) => {
    out[thread.index].ticks[thread.cls[i]] += to - from;
    out[thread.index].cpu_ns += run_cpu(thread, i, from, to);
  });
  each_carry(trace, choice, (thread, run, ns) => { out[thread.index].cpu_ns += ns; });
  return out;
}

// Per waiting thread: a Map of holder (index of the thread, -1 = nobody or not known) -> ns.
export function gil(trace, { range = null, threads = null, scopes = null }) {
  if (trace.thin) return gil_of_bins(trace, { range, threads, scopes });
  const out = trace.threads.map(() => new Map());
  each_run(trace, { range, threads, scopes, classes: 1 << WAITS_GIL }, (thread, i, from, to) => {
    const process = trace.processes[thread.process], { hold, hold_at, holds } = process;
    // who waits does not hold it, whatever was noted: it was just being handed over
    const add = (who, n) => { if (who === thread.index) who = -1; out[thread.index].set(who, (out[thread.index].get(who) || 0) + n * process.interval_ns); };
    let k = Math.max(0, lower(hold_at, from + 1) - 1);
    for (let at = from; at < to; k++) {
      const end = k < holds ? Math.min(to, hold_at[k + 1]) : to;
      add(k < holds ? hold[k] - 1 : -1, end - at);
      at = end;
    }
  });
  return out;
}

// The same of a page that was thinned. Of a bin that the range cuts, each pair has the part that its
// waiting thread waited in the range and in the scopes.
function gil_of_bins(trace, { range, threads, scopes }) {
  const out = trace.threads.map(() => new Map()), { bin } = trace.thin;
  const waited = (thread, from, to, scopes = null) => {
    let n = 0;
    for (let i = run_at(thread, from); i < thread.runs && thread.start[i] < to; i++)
      if (thread.cls[i] === WAITS_GIL && (!scopes || scopes[thread.scope[i]] === 1)) n += Math.min(to, thread.start[i + 1]) - Math.max(from, thread.start[i]);
    return n;
  };
  for (const process of trace.processes) {
    const [from, to] = intervals(trace, process, range), parts = new Map();
    for (let k = lower(process.pair_bin, Math.floor(from / bin)); k < process.pairs && process.pair_bin[k] * bin < to; k++) {
      const begin = process.pair_bin[k] * bin, end = begin + bin, thread = trace.threads[process.pair_waiter[k]];
      if (threads && !threads.has(thread.index)) continue;
      let part = 1;
      if (begin < from || end > to || scopes) {
        const key = thread.index + " " + begin;
        if (!parts.has(key)) parts.set(key, waited(thread, Math.max(from, begin), Math.min(to, end), scopes) / (waited(thread, begin, end) || 1));
        part = parts.get(key);
      }
      const who = process.pair_holder[k] - 1, ns = part * process.pair_n[k] * process.interval_ns;
      if (ns) out[thread.index].set(who, (out[thread.index].get(who) || 0) + ns);
    }
  }
  return out;
}

// Of a file: per line what it took itself and with all it called (once per stack), and per expression
// [column, end column, self]; columns count bytes from 1.
export function heat(trace, self, file) {
  const lines = new Map(), total = totals(trace.up, self), count = new Map(), path = [];
  const line_of = node => {
    const place = trace.place[node];
    return trace.functions[trace.place_fn[place]][1] === file ? trace.place_line[place] : 0;
  };
  for (let i = 1; i < trace.nodes; i++) {
    while (path.length && path[path.length - 1] !== trace.up[i]) {
      const line = line_of(path.pop());
      if (line) count.set(line, count.get(line) - 1);
    }
    path.push(i);
    const line = line_of(i);
    if (!line) continue;
    const open = count.get(line) || 0;
    count.set(line, open + 1);
    if (!total[i]) continue;
    let entry = lines.get(line);
    if (!entry) lines.set(line, entry = { self: 0, cum: 0, expressions: new Map() });
    entry.self += self[i];
    if (open === 0) entry.cum += total[i];
    const place = trace.place[i];
    if (trace.place_col[place] && trace.place_end[place] > trace.place_col[place]) {
      const key = trace.place_col[place] + "-" + trace.place_end[place];
      const at = entry.expressions.get(key) || { from: trace.place_col[place], to: trace.place_end[place], self: 0, total: 0 };
      at.self += self[i];
      at.total += open === 0 ? total[i] : 0;
      entry.expressions.set(key, at);
    }
  }
  return lines;
}

// States of a thread in `columns` equal parts of a range: Float64Array of DRAWN per part, in shares of the part.
export function strip(trace, thread, range, columns, scopes = null) {
  const process = trace.processes[thread.process], out = new Float64Array(columns * DRAWN);
  const scale = (range.to - range.from) / columns / process.interval_ns;
  const origin = (range.from - process.origin_ns) / process.interval_ns;
  for (let i = run_at(thread, Math.max(0, origin)); i < thread.runs; i++) {
    const a = (thread.start[i] - origin) / scale, b = (thread.start[i + 1] - origin) / scale;
    if (a >= columns) break;
    if (thread.cls[i] >= CLASSES || (scopes && scopes[thread.scope[i]] !== 1)) continue;
    const drawn = trace.halts[thread.call[i]] || thread.cls[i];
    for (let k = Math.max(0, Math.floor(a)); k < columns && k < b; k++)
      out[k * DRAWN + drawn] += Math.max(0, Math.min(b, k + 1) - Math.max(a, k));
  }
  return out;
}

// CPUs in use, threads that wait for the GIL, and threads ready, per part of a range.
export function curves(trace, range, columns, threads = null) {
  const cpu = new Float64Array(columns), gil_wait = new Float64Array(columns), ready = new Float64Array(columns);
  const scale = (range.to - range.from) / columns;
  for (const thread of trace.threads) {
    if (threads && !threads.has(thread.index)) continue;
    const process = trace.processes[thread.process], { origin_ns, interval_ns } = process;
    for (let i = run_at(thread, interval_of(process, range.from)); i < thread.runs; i++) {
      const a = (origin_ns + thread.start[i] * interval_ns - range.from) / scale;
      const b = (origin_ns + thread.start[i + 1] * interval_ns - range.from) / scale;
      if (a >= columns) break;
      const cls = thread.cls[i], use = thread.cpu_ns[i] / ((b - a) * scale);
      if (!use && cls !== WAITS_GIL && cls !== READY) continue;
      for (let k = Math.max(0, Math.floor(a)); k < columns && k < b; k++) {
        const part = Math.max(0, Math.min(b, k + 1) - Math.max(a, k));
        cpu[k] += use * part;
        if (cls === WAITS_GIL) gil_wait[k] += part;
        if (cls === READY) ready[k] += part;
      }
    }
  }
  return { cpu, gil_wait, ready };
}
