// SPDX-License-Identifier: MIT
//
// shapes - weights as boxes: flame graph, inverted, or one thread in the order of time. No DOM.
import { intervals, run_at } from "./data.js";
import { CLASSES } from "./read.js";

// What stands for the import system's frames where a stack ends in them; functions have numbers >= 0.
export const IMPORTS = -2;
export const function_name = (trace, fn) => (fn >= 0 ? trace.functions[fn][0] : fn === IMPORTS ? "<import machinery>" : "all");

// The functions' tree as it is drawn: { up, fn, of, kids }; `of` has the node of each of trace.fup's.
// Unless every frame is asked for, a module stands directly below the one that imports it (calltree.h).
export function drawn_tree(trace, full = false) {
  trace.drawn ||= {};
  if (trace.drawn[full]) return trace.drawn[full];
  const n = trace.fup.length, up = [-1], fn = [-1], of = new Int32Array(n), outer = new Int32Array(n), seen = new Map();
  const imports = trace.functions.map(f => !full && /^<frozen (importlib|zipimport>)/.test(trace.files[f[1]] || ""));
  for (let i = 1; i < n; i++) {
    const above = outer[trace.fup[i]], is = imports[trace.ff[i]], value = is ? IMPORTS : trace.ff[i];
    const key = above * (trace.functions.length + 3) + value + 3;
    let at = seen.get(key);
    if (at === undefined) {
      seen.set(key, at = up.length);
      up.push(above);
      fn.push(value);
    }
    of[i] = at;
    outer[i] = is ? above : at;
  }
  const kids = [], name = i => function_name(trace, fn[i]);
  for (let i = 1; i < up.length; i++) (kids[up[i]] ||= []).push(i);
  for (const list of kids) if (list) list.sort((a, b) => (name(a) < name(b) ? -1 : name(a) > name(b) ? 1 : a - b));
  return trace.drawn[full] = { up, fn, of, kids, full };
}

// Self of a drawn tree.
export function drawn_self(trace, tree, self) {
  const out = new Float64Array(tree.up.length);
  for (let i = 0; i < self.length; i++) if (self[i]) out[tree.of[trace.fnode[i]]] += self[i];
  return out;
}

// Three and more calls that only call the next one are one box, unless every frame is asked for.
const CHAIN = 3;
function chain_of(tree, total, node) {
  const chain = [node];
  for (;;) {
    const kids = tree.kids[node] || [], kid = kids.find(k => total[k] > 0);
    // equal but for the rounding of sums: then there is one child with weight, and no weight of its own
    if (kid === undefined || total[kid] < total[node] * (1 - 1e-9)) return chain;
    chain.push(node = kid);
  }
}

// Boxes: { x, width, depth, node, fn, chain? } in units of weight; those narrower than `least` are left
// out. Of a chain `node` and `fn` are its last one's, and `chain` has the functions of all.
export function boxes(tree, total, least, root = 0) {
  const out = [], open = [[root, 0, 0]];
  while (open.length) {
    let [node, x, depth] = open.pop(), chain;
    if (!tree.full && node && node !== root) {
      const calls = chain_of(tree, total, node);
      if (calls.length > CHAIN) {
        calls.pop(); // where it ends is a box of its own
        chain = calls.map(call => tree.fn[call]);
        node = calls[calls.length - 1];
      }
    }
    out.push({ x, width: total[node], depth, node, fn: tree.fn[node], chain });
    let at = x;
    for (const kid of tree.kids[node] || []) {
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
export function course(trace, thread, range, max_runs = 20000, scopes = null) {
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
    if (thread.cls[i] >= CLASSES || (scopes && scopes[thread.scope[i]] !== 1)) {
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
