// SPDX-License-Identifier: MIT
//
// diff - what changed between two sides, as tables and as boxes.
//
// On the line:  blob -> read -> [diff] -> the page of a diff; data -> versus -> [diff] -> the page of a report
// Needs:        no DOM; node runs it in the tests.
//
// A tree of paths is { up, fn, kids, a, b, margin, verdict }, lists by node, callers first; node 0 is
// everything. Verdicts are those of pyanalyze diff.

export const REAL = new Set(["more", "less", "new", "gone"]);
const MUCH = 0.25; // of the larger side, what is certain of the change

// Number of the color (colors.js): noise, more, much more, less, much less.
export function change_class(verdict, a, b, margin) {
  if (!REAL.has(verdict)) return 0;
  const certain = Math.abs(b - a) - margin, much = certain >= MUCH * Math.max(a, b);
  return b > a ? (much ? 2 : 1) : much ? 4 : 3;
}

export function kids_of(up) {
  const kids = [];
  for (let i = 1; i < up.length; i++) (kids[up[i]] ||= []).push(i);
  return kids;
}

// The tree of a page of a diff.
export function read_paths(trace) {
  const { up, fn, line, verdict, a, b, margin } = trace.paths, all = trace.parts[trace.asked][0];
  const out = {
    up: [-1, ...up.map(i => i + 1)], fn: [-1, ...fn], line: [0, ...line],
    a: [all.a, ...a], b: [all.b, ...b], margin: [all.margin, ...margin], verdict: [all.verdict, ...verdict.map(i => trace.verdicts[i])],
  };
  const n = out.up.length, length = list => Array.isArray(list) && list.length === n;
  if (!Object.values(out).every(length) || out.up.some((up, i) => i && !(up >= 0 && up < i)) || out.fn.some((f, i) => i && !trace.functions[f])) throw new RangeError();
  const name = i => trace.functions[out.fn[i]][0];
  out.kids = kids_of(out.up);
  for (const list of out.kids) if (list) list.sort((x, y) => (name(x) < name(y) ? -1 : name(x) > name(y) ? 1 : x - y));
  return out;
}

// How wide each node is drawn, as wide as on that side ("a", "b"); what is on the other side only (a
// ghost) stands beside it, as wide as it is there.
export function widths(tree, side) {
  const own = tree[side], other = tree[side === "a" ? "b" : "a"], n = tree.up.length, below = new Float64Array(n), out = new Float64Array(n);
  for (let i = n - 1; i > 0; i--) below[tree.up[i]] += own[i];
  for (let i = n - 1; i >= 0; i--) {
    out[i] += own[i] > 0 ? Math.max(0, own[i] - below[i]) : Math.max(0, other[i] - sum(tree, other, i));
    if (i) out[tree.up[i]] += out[i];
  }
  return out;
}
const sum = (tree, list, node) => (tree.kids[node] || []).reduce((a, kid) => a + list[kid], 0);

// Calls that only call the next one, the same on both sides, are one box, unless every frame is asked for.
const CHAIN = 3;
function chain_of(tree, width, node) {
  const chain = [node];
  for (;;) {
    const kids = (tree.kids[node] || []).filter(kid => width[kid] > 0), [kid] = kids;
    const same = list => Math.abs(list[kid] - list[node]) <= 1e-9 * Math.abs(list[node]);
    if (kids.length !== 1 || !same(width) || !same(tree.a) || !same(tree.b)) return chain;
    chain.push(node = kid);
  }
}

// Boxes: { x, width, depth, node, fn, ghost, chain? } in units of weight, none narrower than `least`.
export function diff_boxes(tree, width, side, least, root = 0, full = false) {
  const out = [], open = [[root, 0, 0]], own = tree[side];
  while (open.length) {
    let [node, x, depth] = open.pop(), chain;
    if (!full && node && node !== root) {
      const calls = chain_of(tree, width, node);
      if (calls.length > CHAIN) {
        calls.pop(); // where it ends is a box of its own
        chain = calls.map(call => tree.fn[call]);
        node = calls[calls.length - 1];
      }
    }
    out.push({ x, width: width[node], depth, node, fn: tree.fn[node], ghost: !(own[node] > 0), chain });
    let at = x;
    for (const kid of tree.kids[node] || []) {
      if (width[kid] >= least && width[kid] > 0) open.push([kid, at, depth + 1]);
      at += width[kid];
    }
  }
  return out;
}

// What stands out: the largest real changes of a table, everything together first.
export function diff_findings(rows, most = 6) {
  const [all, ...others] = rows;
  return { all, rows: others.filter(row => REAL.has(row.verdict)).slice(0, most), more: Math.max(0, others.filter(row => REAL.has(row.verdict)).length - most) };
}
