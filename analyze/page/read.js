// SPDX-License-Identifier: MIT
//
// read - the blob in the page as typed arrays (out/html.c and report/report_columns.h write it), or of
// a diff as lists (out/page/page_diff_json.h).
//
// Errors:  data that is cut off or damaged in any way is an Error whose message is one sentence.

import { read_paths } from "./diff.js";

export const ON_CPU = 0, READY = 1, WAITS_GIL = 2, BLOCKED = 3, UNKNOWN = 4, KERNEL = 5, UNSEEN = 7;
export const CLASSES = 6;
// Of builds without a GIL, in place of a call (report_columns.h); drawn as if they were classes.
const HALTS = ["waits_world", "waits_object", "stops_world"];
export const WAITS_WORLD = CLASSES, WAITS_OBJECT = CLASSES + 1, STOPS_WORLD = CLASSES + 2, DRAWN = CLASSES + HALTS.length;
export const ALL_CLASSES = (1 << CLASSES) - 1; // a mask
export const NO_FRAMES = "<no Python frames>";

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
    raw = await inflate(packed);
  } catch {
    throw new Error("the data of this page is cut off or damaged: it cannot be unpacked");
  }
  return decode(raw);
}

// Not by way of a Response: Firefox complains of its broken stream a second time, to nobody.
async function inflate(packed) {
  const stream = new DecompressionStream("deflate-raw"), writer = stream.writable.getWriter(), reader = stream.readable.getReader();
  const written = Promise.all([writer.write(packed), writer.close()]);
  written.catch(() => {}); // the reader is told the same
  const parts = [];
  let length = 0;
  for (let part; !(part = await reader.read()).done; length += part.value.length) parts.push(part.value);
  await written;
  const raw = new Uint8Array(length);
  length = 0;
  for (const part of parts) {
    raw.set(part, length);
    length += part.length;
  }
  return raw;
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
    const first = this.bytes[this.at];
    if (first < 128) { // most are; none behind the end is
      this.at++;
      return first;
    }
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
    if (trace.v === 1 && trace.kind === "diff") {
      if (4 + n !== raw.length) throw new RangeError();
      trace.tree = read_paths(trace);
      return trace;
    }
    if (trace.thin && !(trace.thin.bin >= trace.thin.fine && trace.thin.fine >= 1)) throw new RangeError();
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
    trace.halts = trace.calls.map(name => (HALTS.includes(name) ? CLASSES + HALTS.indexOf(name) : 0)); // by call
    trace.threads.forEach((thread, index) => {
      thread.index = index;
      thread.quantum_ns = trace.processes[thread.process].quantum_ns;
      read_runs(trace, thread, columns, of_code);
    });
    read_phases(trace, columns);
    read_lengths(trace.threads, columns);
    for (const thread of trace.threads) if (trace.thin) find_shares(trace.thin, thread, trace.nodes);
    for (const thread of trace.threads) read_cpu(thread, columns);
    for (const process of trace.processes) read_process(trace, process, columns);
    for (const process of trace.processes) read_pairs(trace, process, columns);
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
  const scoped = trace.scopes.length > 0;
  thread.scope = scoped ? new Uint16Array(n) : null;
  let scope = 0;
  for (let i = 0; i < n; i++) {
    const state = c.run_state.byte(), call = state >> 4;
    thread.cls[i] = state & 7;
    thread.gc[i] = state >> 3 & 1;
    thread.call[i] = call === 15 ? c.run_call.number() : call;
    if (thread.cls[i] !== UNSEEN) {
      const node = of_code[c.run_node.number()];
      if (!(node >= 0)) throw new RangeError();
      thread.node[i] = node;
      if (scoped) thread.scope[i] = scope += c.run_scope.signed();
      if (scoped && !trace.scopes[scope]) throw new RangeError();
    }
  }
}

// Phases and labels that are kept, by beginning; `to` is the end of the recording where `open`, `said` -1
// where there was no room for the name, `up` the one that it is in, -1 none, `thread` likewise.
function read_phases(trace, c) {
  let at = 0;
  trace.phases = Array.from({ length: trace.phases }, (_, i) => {
    const said = c.phase_said.number() - 1, up = c.phase_up.number() - 1, who = c.phase_thread.number();
    const from = at += c.phase_begin.number(), len = c.phase_len.number(), thread = who % 2 ? (who - 1) / 2 : -1;
    if (said >= trace.said.length || up >= trace.phases || thread >= trace.threads.length) throw new RangeError();
    const process = thread >= 0 ? trace.threads[thread].process : who / 2;
    if (!trace.processes[process]) throw new RangeError();
    const { origin_ns, intervals, interval_ns } = trace.processes[process];
    return { i, said, up, thread, process, from, to: len ? from + len - 1 : Math.max(from, origin_ns + intervals * interval_ns), open: !len };
  });
  trace.marks.sort((a, b) => a[2] - b[2]);
  for (const [label, name, value] of trace.said) if (!(name < trace.texts.length && value < trace.texts.length && label <= 1)) throw new RangeError();
  for (const [task, ...said] of trace.scopes) if (task > trace.texts.length || said.some(id => !trace.said[id])) throw new RangeError();
}

// How long runs are stands class by class, of all threads.
function read_lengths(threads, c) {
  for (let cls = 0; cls <= UNSEEN; cls++)
    for (const { runs, cls: classes, start } of threads)
      for (let i = 0; i < runs; i++) if (classes[i] === cls) start[i + 1] = c.run_len.number() + 1;
  for (const { runs, start, begin } of threads) {
    start[0] = begin;
    for (let i = 0; i < runs; i++) start[i + 1] += start[i];
  }
}

// Of a page that was thinned: in shares of how many intervals at most a run's stack was put into its bin
// (report_thin.h); 0 where it is certain when it was there, as its class has no other stack in the bin.
function find_shares({ bin, fine }, thread, nodes) {
  const n = thread.runs, sums = new Float64Array(nodes * 8), of_bin = new Float64Array(nodes * 8).fill(-1), first = new Int32Array(8), several = new Uint8Array(8);
  thread.share = new Float32Array(n);
  const key = i => Math.max(0, thread.node[i]) * 8 + thread.cls[i];
  for (let i = 0; i < n;) {
    const at = Math.floor(thread.start[i] / bin), end = (at + 1) * bin;
    // a run that begins in an earlier bin has part of its time in this one
    const from = i > 0 && thread.start[i] > at * bin ? i - 1 : i;
    first.fill(-1);
    several.fill(0);
    let k = from;
    for (; k < n && thread.start[k] < end; k++) {
      const length = Math.min(end, thread.start[k + 1]) - Math.max(at * bin, thread.start[k]), cls = thread.cls[k], id = key(k);
      sums[id] = (of_bin[id] === at ? sums[id] : 0) + length;
      of_bin[id] = at;
      if (first[cls] < 0) first[cls] = k;
      else if (thread.node[first[cls]] !== thread.node[k] || thread.call[first[cls]] !== thread.call[k] || thread.gc[first[cls]] !== thread.gc[k] || (thread.scope && thread.scope[first[cls]] !== thread.scope[k])) several[cls] = 1;
    }
    for (let j = from; j < k; j++) {
      const all = sums[key(j)];
      if (several[thread.cls[j]]) thread.share[j] = Math.max(thread.share[j], Math.min(all, fine));
    }
    i = k;
  }
}

export const takes_cpu = cls => cls === ON_CPU || cls === READY || cls === KERNEL;

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
export function cpu_before(thread, taking, window) {
  const a = thread.window_at[window], len = thread.window_at[window + 1] - a;
  if (!(len > 0)) return 0;
  const n = Math.min(len, taking - a), q = thread.window_q[window + 1] - thread.window_q[window];
  return (thread.window_q[window] + Math.floor(q * n / len)) * thread.quantum_ns;
}

export function window_of(thread, taking) {
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

// Who waited for whom, per bin, of a page that was thinned.
function read_pairs(trace, process, c) {
  const n = process.pairs;
  process.fine = trace.thin ? trace.thin.fine : 1;
  process.pair_bin = new Float64Array(n);
  process.pair_waiter = new Int32Array(n);
  process.pair_holder = new Int32Array(n);
  process.pair_n = new Float64Array(n);
  let bin = 0;
  for (let i = 0; i < n; i++) {
    process.pair_bin[i] = bin += c.pair_bin.number();
    process.pair_waiter[i] = c.pair_waiter.number();
    process.pair_holder[i] = c.pair_holder.number();
    process.pair_n[i] = c.pair_n.number();
    if (process.pair_waiter[i] >= trace.threads.length || process.pair_holder[i] > trace.threads.length) throw new RangeError();
  }
}
