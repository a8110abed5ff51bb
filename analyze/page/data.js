// SPDX-License-Identifier: MIT
//
// data - what is in the page, as typed arrays, and sums over ranges of time.
//
// On the line:  blob (out/html.c, report/report_columns.h) -> [data] -> sums, tables, boxes -> the page
// Needs:        no DOM; node runs it in the tests.
//
// Always true:  sums over all nodes (node 0, "no Python frames", included) are the ticks of the chosen
//               classes; of the whole time and of any range they are what pyanalyze prints with the
//               --from and --to that range_text() gives.

export const ON_CPU = 0, READY = 1, WAITS_GIL = 2, BLOCKED = 3, UNKNOWN = 4, UNSEEN = 7;
export const CLASSES = 5;
export const NO_FRAMES = "<no Python frames>";

// ---- reading ----

export async function unpack(base64) {
  let packed;
  try {
    const text = base64.replace(/\s+/g, "");
    packed = Uint8Array.fromBase64 ? Uint8Array.fromBase64(text) : Uint8Array.from(atob(text), c => c.charCodeAt(0));
  } catch {
    throw new Error("the data of this page is damaged: it is no base64");
  }
  let raw;
  try {
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
    raw = new Uint8Array(await new Response(stream).arrayBuffer());
  } catch {
    throw new Error("the data of this page is cut off or damaged: it cannot be unpacked");
  }
  return decode(raw);
}

class Column {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }
  byte() {
    if (this.at >= this.bytes.length) throw new RangeError();
    return this.bytes[this.at++];
  }
  number() {
    let value = 0, unit = 1, byte;
    do {
      byte = this.byte();
      value += (byte & 127) * unit;
      unit *= 128;
    } while (byte > 127);
    return value;
  }
  signed() {
    const value = this.number();
    return value % 2 ? -(value + 1) / 2 : value / 2;
  }
}

export function decode(raw) {
  try {
    const n = new DataView(raw.buffer, raw.byteOffset).getUint32(0, true);
    if (4 + n > raw.length) throw new RangeError();
    const trace = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(raw.subarray(4, 4 + n)));
    if (trace.v !== 1) throw new Error(`the data of this page is of version ${trace.v}; this page reads version 1`);
    const columns = {};
    let at = 4 + n;
    for (const [name, length] of trace.columns) {
      columns[name] = new Column(raw.subarray(at, at + length));
      at += length;
    }
    if (at !== raw.length) throw new RangeError();
    read_places(trace, columns);
    const of_code = read_nodes(trace, columns);
    trace.threads.forEach((thread, index) => {
      thread.index = index;
      thread.quantum_ns = trace.processes[thread.process].quantum_ns;
      read_runs(trace, thread, columns, of_code);
    });
    for (const thread of trace.threads) read_cpu(thread, columns);
    for (const process of trace.processes) read_process(trace, process, columns);
    trace.start_ns = Math.min(...trace.processes.map(p => p.origin_ns), Infinity);
    trace.end_ns = Math.max(...trace.processes.map(p => p.origin_ns + p.intervals * p.interval_ns), 0);
    if (!trace.processes.length) trace.start_ns = 0;
    return trace;
  } catch (error) {
    if (error instanceof RangeError || error instanceof SyntaxError || error instanceof TypeError)
      throw new Error("the data of this page is cut off or damaged");
    throw error;
  }
}

function read_places(trace, c) {
  const n = trace.places;
  trace.place_fn = new Int32Array(n);
  trace.place_line = new Int32Array(n);
  trace.place_col = new Uint32Array(n);
  trace.place_end = new Uint32Array(n);
  let fn = 0;
  for (let i = 0; i < n; i++) {
    fn += c.place_fn.signed();
    trace.place_fn[i] = fn;
    trace.place_line[i] = trace.functions[fn][2] + c.place_line.signed();
    trace.place_col[i] = c.place_col.number();
    trace.place_end[i] = c.place_end.number();
  }
}

// Nodes, callers first; and the tree of functions, in which neighbours of one function are one.
function read_nodes(trace, c) {
  const n = trace.nodes, next = [0, 0, 128, 16384];
  const of_code = new Int32Array(n + 16384).fill(-1);
  trace.up = new Int32Array(n);
  trace.place = new Int32Array(n).fill(-1);
  trace.up[0] = -1;
  for (let i = 0; i < n; i++) {
    const group = c.node_group.byte();
    if (group) of_code[next[group]++] = i;
    if (i === 0) continue;
    trace.up[i] = i - 1 - c.node_up.number();
    trace.place[i] = c.node_place.number();
    if (trace.up[i] < 0 || trace.place[i] >= trace.places) throw new RangeError();
  }
  trace.fnode = new Int32Array(n);
  const fup = [-1], ff = [-1], seen = new Map();
  for (let i = 1; i < n; i++) {
    const fn = trace.place_fn[trace.place[i]], parent = trace.fnode[trace.up[i]];
    const key = parent * (trace.functions.length + 1) + fn;
    let at = seen.get(key);
    if (at === undefined) {
      at = fup.length;
      fup.push(parent);
      ff.push(fn);
      seen.set(key, at);
    }
    trace.fnode[i] = at;
  }
  trace.fup = Int32Array.from(fup);
  trace.ff = Int32Array.from(ff);
  return of_code;
}

function read_runs(trace, thread, c, of_code) {
  const n = thread.runs;
  thread.start = new Float64Array(n + 1);
  thread.node = new Int32Array(n).fill(-1);
  thread.cls = new Uint8Array(n);
  thread.gc = new Uint8Array(n);
  thread.call = new Uint16Array(n);
  let at = thread.begin;
  for (let i = 0; i < n; i++) {
    const state = c.run_state.byte(), call = state >> 4;
    thread.cls[i] = state & 7;
    thread.gc[i] = state >> 3 & 1;
    thread.call[i] = call === 15 ? c.run_call.number() : call;
    if (thread.cls[i] !== UNSEEN) {
      const node = of_code[c.run_node.number()];
      if (!(node >= 0)) throw new RangeError();
      thread.node[i] = node;
    }
    thread.start[i] = at;
    at += c.run_len.number() + 1;
  }
  thread.start[n] = at;
}

const takes_cpu = cls => cls === ON_CPU || cls === READY;

// Windows: so many intervals that take CPU share so much of it. `taking[i]` is how many there are
// before run i, window_at and window_q (quanta) are sums.
function read_cpu(thread, c) {
  const n = thread.windows;
  thread.window_at = new Float64Array(n + 1);
  thread.window_q = new Float64Array(n + 1);
  let rate = 0;
  for (let i = 0; i < n; i++) {
    const len = c.cpu_n.number(), q = c.cpu_q.signed() + rate * len;
    if (len <= 0) throw new RangeError();
    thread.window_at[i + 1] = thread.window_at[i] + len;
    thread.window_q[i + 1] = thread.window_q[i] + q;
    rate = Math.floor(q / len);
  }
  thread.taking = new Float64Array(thread.runs + 1);
  for (let i = 0; i < thread.runs; i++)
    thread.taking[i + 1] = thread.taking[i] + (takes_cpu(thread.cls[i]) ? thread.start[i + 1] - thread.start[i] : 0);
  thread.cpu_ns = new Float64Array(thread.runs);
  let window = 0, before = 0;
  for (let i = 0; i < thread.runs; i++) {
    const to = thread.taking[i + 1];
    if (to === thread.taking[i]) continue;
    while (window < n - 1 && thread.window_at[window + 1] < to) window++;
    const sum = cpu_before(thread, to, window);
    thread.cpu_ns[i] = sum - before;
    before = sum;
  }
  read_carries(thread, c);
}

// ns of the first `taking` intervals that take any; the window is the last that begins before.
function cpu_before(thread, taking, window) {
  const a = thread.window_at[window], len = thread.window_at[window + 1] - a;
  if (!(len > 0)) return 0;
  const n = Math.min(len, taking - a), q = thread.window_q[window + 1] - thread.window_q[window];
  return (thread.window_q[window] + Math.floor(q * n / len)) * thread.quantum_ns;
}

function window_of(thread, taking) {
  let low = 0, high = Math.max(0, thread.windows - 1);
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (thread.window_at[middle] < taking) low = middle;
    else high = middle - 1;
  }
  return low;
}

// CPU that was found where none is used up belongs to the next interval that takes any.
function read_carries(thread, c) {
  const n = thread.carries;
  thread.carry_at = new Float64Array(n);
  thread.carry_ns = new Float64Array(n);
  thread.carry_run = new Int32Array(n);
  let at = 0, run = 0;
  for (let i = 0; i < n; i++) {
    at += c.carry_at.number();
    thread.carry_at[i] = at;
    thread.carry_ns[i] = c.carry_q.number() * thread.quantum_ns;
    while (run < thread.runs && (thread.start[run + 1] <= at || !takes_cpu(thread.cls[run]))) run++;
    thread.carry_run[i] = run;
  }
}

function read_process(trace, process, c) {
  process.threads = trace.threads.filter(t => trace.processes[t.process] === process);
  process.odd_at = new Float64Array(process.odd);
  process.odd_begin = new Float64Array(process.odd);
  let at = 0;
  for (let i = 0; i < process.odd; i++) {
    at += c.odd_at.number();
    process.odd_at[i] = at;
    process.odd_begin[i] = at - c.odd_missed.number();
  }
  process.hold = new Int32Array(process.holds);
  process.hold_at = new Float64Array(process.holds + 1);
  at = 0;
  for (let i = 0; i < process.holds; i++) {
    process.hold[i] = c.hold.number();
    process.hold_at[i] = at;
    at += c.hold_len.number() + 1;
  }
  process.hold_at[process.holds] = at;
}

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
// several intervals is never cut, as in pyanalyze.
export function snap(process, x) {
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

// The nearest borders of the grid that most threads are on.
export function snap_range(trace, from, to, process = trace.processes[0]) {
  const border = ns => process.origin_ns + Math.round((ns - process.origin_ns) / process.interval_ns) * process.interval_ns;
  return { from: border(from), to: border(to) };
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
  wall: { name: "wall", mask: 31 },
  on_cpu: { name: "on CPU", mask: 1 },
  ready: { name: "ready", mask: 2 },
  gil_wait: { name: "GIL wait", mask: 4 },
  blocked: { name: "blocked", mask: 8 },
};

// Call fn(thread, run, first interval, end) for the parts of runs in the range, of the chosen threads
// (a Set of indices; null: all) and classes (a mask).
export function each_run(trace, { range = null, threads = null, classes = 31 }, fn) {
  for (const process of trace.processes) {
    const [from, to] = intervals(trace, process, range);
    for (const thread of process.threads) {
      if (threads && !threads.has(thread.index)) continue;
      const { start, cls, runs } = thread;
      for (let i = run_at(thread, from); i < runs && start[i] < to; i++) {
        if (cls[i] >= CLASSES || !(classes >> cls[i] & 1)) continue;
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
function each_carry(trace, { range = null, threads = null, classes = 31 }, fn) {
  for (const process of trace.processes) {
    const [from, to] = intervals(trace, process, range);
    for (const thread of process.threads) {
      if (threads && !threads.has(thread.index)) continue;
      for (let k = lower(thread.carry_at, from); k < thread.carries && thread.carry_at[k] < to; k++) {
        const run = thread.carry_run[k];
        if (run < thread.runs && Math.max(thread.start[run], thread.carry_at[k]) < to && classes >> thread.cls[run] & 1)
          fn(thread, run, thread.carry_ns[k]);
      }
    }
  }
}

// What every node weighs itself: ticks, or ns of CPU for the metric "cpu". `samples` is Kish's number:
// of how many equal samples one would know as much (share.h).
export function sum(trace, choice, metric) {
  const self = new Float64Array(trace.nodes), mask = METRICS[metric].mask & (choice.classes ?? 31);
  let total = 0, ticks = 0, squares = 0;
  if (METRICS[metric].mask) {
    each_run(trace, { ...choice, classes: mask }, (thread, i, from, to) => {
      self[thread.node[i]] += to - from;
      total += to - from;
    });
    return { self, total, samples: total };
  }
  each_run(trace, choice, (thread, i, from, to) => {
    ticks += to - from;
    const ns = run_cpu(thread, i, from, to);
    if (ns === 0) return;
    self[thread.node[i]] += ns;
    total += ns;
    squares += ns * ns / (to - from);
  });
  each_carry(trace, choice, (thread, run, ns) => {
    self[thread.node[run]] += ns;
    total += ns;
  });
  const samples = squares > 0 ? total * total / squares : ticks;
  return { self, total, samples: Math.max(1, Math.min(samples, ticks)) };
}

// The +- of a share: the farther end of Wilson's 95 % interval (share.h).
export function share_error(share, samples) {
  const z = 1.959964, c = z * z / Math.max(1, samples), inside = share > 0 && share < 1 ? share * (1 - share) : 0;
  return (Math.sqrt(c * inside + c * c / 4) + c * Math.abs(0.5 - share)) / (1 + c);
}

// Sums of nodes with all that is below them.
export function totals(up, self) {
  const total = Float64Array.from(self);
  for (let i = total.length - 1; i > 0; i--) if (total[i]) total[up[i]] += total[i];
  return total;
}

// Self of the functions' tree.
export function by_function(trace, self) {
  const out = new Float64Array(trace.fup.length);
  for (let i = 0; i < self.length; i++) if (self[i]) out[trace.fnode[i]] += self[i];
  return out;
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

// ---- flame graphs ----

export function children(trace) {
  if (trace.children) return trace.children;
  const kids = [];
  for (let i = 1; i < trace.fup.length; i++) (kids[trace.fup[i]] ||= []).push(i);
  const name = i => trace.functions[trace.ff[i]][0];
  for (const list of kids) if (list) list.sort((a, b) => (name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : a - b));
  return trace.children = kids;
}

// Boxes: { x, width, depth, node, fn } in units of weight; those narrower than `least` are left out.
export function boxes(trace, total, least, root = 0) {
  const kids = children(trace), out = [], open = [[root, 0, 0]];
  while (open.length) {
    const [node, x, depth] = open.pop();
    out.push({ x, width: total[node], depth, node, fn: node ? trace.ff[node] : -1 });
    let at = x;
    for (const kid of kids[node] || []) {
      if (total[kid] >= least && total[kid] > 0) open.push([kid, at, depth + 1]);
      at += total[kid];
    }
  }
  return out;
}

// The same with leaves at the bottom: who took it, and who called that. `fn` null: all functions.
export function inverted(trace, self, least, fn = null) {
  const out = [], start = [];
  let total = 0;
  for (let i = 0; i < self.length; i++) {
    if (!(self[i] > 0)) continue;
    if (fn === null) {
      start.push([i, self[i]]);
      total += self[i];
      continue;
    }
    // callers of one function: from its outermost call on the path
    let at = -1;
    for (let up = i; up > 0; up = trace.up[up]) if (trace.place_fn[trace.place[up]] === fn) at = up;
    if (at < 0) continue;
    start.push([at, self[i]]);
    total += self[i];
  }
  const split = list => {
    const by = new Map();
    for (const [node, w] of list) {
      const key = node > 0 ? trace.place_fn[trace.place[node]] : -1;
      let entry = by.get(key);
      if (!entry) by.set(key, entry = { fn: key, w: 0, list: [] });
      entry.w += w;
      entry.list.push([node, w]);
    }
    return [...by.values()].sort((a, b) => b.w - a.w || a.fn - b.fn);
  };
  const open = (entries, x, depth) => {
    for (const { fn: f, w, list } of entries) {
      if (w >= least) {
        out.push({ x, width: w, depth, node: -1, fn: f });
        const callers = list.filter(([node]) => node > 0 && trace.up[node] > 0).map(([node, v]) => [trace.up[node], v]);
        if (callers.length && depth < 200) open(split(callers), x, depth + 1);
      }
      x += w;
    }
  };
  out.push({ x: 0, width: total, depth: 0, node: 0, fn: -1 });
  open(split(start), 0, 1);
  return out;
}

// One thread in the order of time: boxes over intervals. Only where runs are few enough to be drawn.
export function course(trace, thread, range, max_runs = 20000) {
  const process = trace.processes[thread.process], [from, to] = intervals(trace, process, range);
  const first = run_at(thread, from), out = [], open = [];
  let n = 0;
  const close = (depth, at) => {
    while (open.length > depth) {
      const box = open.pop();
      box.width = at - box.x;
      out.push(box);
    }
  };
  for (let i = first; i < thread.runs && thread.start[i] < to; i++) {
    if (++n > max_runs) return null;
    const at = Math.max(from, thread.start[i]);
    if (thread.cls[i] >= CLASSES) {
      close(0, at);
      continue;
    }
    const path = [];
    for (let node = trace.fnode[thread.node[i]]; node > 0; node = trace.fup[node]) path.push(node);
    path.reverse();
    let same = 0;
    while (same < path.length && same < open.length && open[same].node === path[same]) same++;
    close(same, at);
    for (let d = same; d < path.length; d++) open.push({ x: at, width: 0, depth: d, node: path[d], fn: trace.ff[path[d]] });
  }
  close(0, Math.min(to, thread.start[thread.runs] ?? from));
  return out;
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
export function gil(trace, { range = null, threads = null }) {
  const out = trace.threads.map(() => new Map());
  each_run(trace, { range, threads, classes: 1 << WAITS_GIL }, (thread, i, from, to) => {
    const process = trace.processes[thread.process], { hold, hold_at, holds } = process;
    const add = (who, n) => out[thread.index].set(who, (out[thread.index].get(who) || 0) + n * process.interval_ns);
    let k = Math.max(0, lower(hold_at, from + 1) - 1);
    for (let at = from; at < to; k++) {
      const end = k < holds ? Math.min(to, hold_at[k + 1]) : to;
      add(k < holds ? hold[k] - 1 : -1, end - at);
      at = end;
    }
  });
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

// States of a thread in `columns` equal parts of a range: Float64Array of CLASSES per part, in shares of the part.
export function strip(trace, thread, range, columns) {
  const process = trace.processes[thread.process], out = new Float64Array(columns * CLASSES);
  const scale = (range.to - range.from) / columns / process.interval_ns;
  const origin = (range.from - process.origin_ns) / process.interval_ns;
  for (let i = run_at(thread, Math.max(0, origin)); i < thread.runs; i++) {
    const a = (thread.start[i] - origin) / scale, b = (thread.start[i + 1] - origin) / scale;
    if (a >= columns) break;
    if (thread.cls[i] >= CLASSES) continue;
    for (let k = Math.max(0, Math.floor(a)); k < columns && k < b; k++)
      out[k * CLASSES + thread.cls[i]] += Math.max(0, Math.min(b, k + 1) - Math.max(a, k));
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
