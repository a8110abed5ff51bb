// SPDX-License-Identifier: MIT
//
// changes - what two sides have of everything: a flame graph whose boxes have a color only where the
// difference is real, and a table with verdicts. Of two recordings, or of two ranges of one.
import { useSignal } from "@preact/signals";
import { Boxes } from "./boxes.jsx";
import { CHANGES, change_color, change_ink } from "./colors.js";
import { change_class, diff_boxes, REAL, widths } from "./diff.js";
import { chain_words, found_color, is_found, plain_ink } from "./flame.jsx";
import { Scrolled } from "./scrolled.jsx";
import { find, full, picked, root, side, theme, view } from "./state.js";
import { file_end, visible } from "./text.js";

const signed = (text, x) => (x > 0 ? "+" : "") + text;
export const change_words = (a, b) => (a > 0 ? signed(((100 * (b - a)) / a).toFixed(Math.abs(b - a) < a ? 1 : 0).replace("-", "−") + " %", b - a) : "");
const VERDICTS = { more: "more", less: "less", new: "new", gone: "gone", "new?": "new, may be chance", "gone?": "gone, may be chance", noise: "may be chance", few: "too few samples to tell", "not told": "this page was thinned" };

// Which color means what.
export const Legend = () => (
  <span class="soft changes" role="group" aria-label="colors">
    {[3, 4, 1, 2, 0].map(cls => <span key={cls}><b class={"d" + cls} />{CHANGES[cls].name}</span>)}
    <span>hatched: only on the other side; much: by a quarter at least, whatever chance did</span>
  </span>
);

// `tree` as diff.js says; `name_of(fn)`, `place_of(fn, node)` and `amount(weight)` put it in words.
export function ChangesFlame({ tree, name_of, place_of, amount, open = () => {} }) {
  const name = fn => (fn >= 0 ? name_of(fn) : "all"), calls_of = box => box.chain || [box.fn], up = view.value !== "icicle";
  const deps = [tree, side.value, view.value, root.value, full.value, theme.value, find.value, picked.value];
  const layout = width => {
    const wide = widths(tree, side.value), at = wide[root.value] > 0 ? root.value : 0;
    const list = diff_boxes(tree, wide, side.value, (wide[at] / width) * 0.6, at, full.value);
    const hits = list.filter(box => is_found(calls_of(box), name)).length;
    return { list, total: wide[at], note: at ? `zoomed to ${visible(name(tree.fn[at]))}; Esc shows all` : find.value ? `${hits} boxes have "${visible(find.value)}" in their name` : "" };
  };
  const paint = box => {
    const { a, b, margin, verdict } = tree, i = box.node, cls = change_class(verdict[i], a[i], b[i], margin[i]);
    if (is_found(calls_of(box), name)) return { fill: found_color(), ink: plain_ink() };
    return { fill: change_color(cls), ink: change_ink(cls), lines: box.ghost ? change_ink(cls) + "66" : null };
  };
  const label = box => chain_words(box, name) + (REAL.has(tree.verdict[box.node]) ? " · " + (change_words(tree.a[box.node], tree.b[box.node]) || "new") : "");
  const words = box => {
    const i = box.node, where = box.chain ? box.chain.map(f => visible(name(f))).join(" → ") : box.fn >= 0 ? `${visible(name(box.fn))} ${visible(place_of(box.fn, i))}` : "all";
    const change = change_words(tree.a[i], tree.b[i]);
    return `${where}: ${amount(tree.a[i])} → ${amount(tree.b[i])}, ${signed(amount(tree.b[i] - tree.a[i]), tree.b[i] - tree.a[i])} ±${amount(tree.margin[i])}${change ? `, ${change}` : ""}: ${VERDICTS[tree.verdict[i]]}`;
  };
  const choose = box => {
    if (box.fn >= 0) open(box.fn);
    root.value = box.node > 0 && box.node !== root.value ? box.node : 0;
  };
  return <Boxes deps={deps} layout={layout} up={up} paint={paint} label={label} words={words} outlined={box => picked.value >= 0 && calls_of(box).includes(picked.value)} open={choose} name="Flame graph of both sides, colored by what changed; arrow keys go from box to box, the table beside it has verdicts." />;
}

// Rows are { key, a, b, difference, margin, verdict, name, file, line }; the given order is the usual one.
export function ChangesTable({ rows, amount, open, is_picked = () => false }) {
  const by = useSignal("verdict"), wanted = find.value.toLowerCase();
  const kept = wanted ? rows.filter(row => (row.name + " " + row.file).toLowerCase().includes(wanted)) : rows;
  const size = { a: row => row.a, b: row => row.b, difference: row => Math.abs(row.difference), margin: row => row.margin, change: row => (row.a > 0 ? Math.abs(row.difference / row.a) : Infinity) }[by.value];
  const list = by.value === "verdict" ? kept : [...kept].sort((x, y) => (size ? size(y) - size(x) || 0 : x.name < y.name ? -1 : x.name > y.name ? 1 : x.line - y.line));
  const columns = [["a", "A"], ["b", "B"], ["difference", "B − A"], ["margin", "±"], ["change", "change"], ["verdict", "verdict"], ["name", "where"]];
  return (
    <Scrolled name="table of changes" kind="changed" columns={columns} by={by.value} sort={key => { by.value = key; }} rows={list} row={row => (
      <tr key={row.key} class={is_picked(row) ? "picked" : ""} onClick={() => open(row)}>
        <td>{amount(row.a)}</td><td>{amount(row.b)}</td><td>{signed(amount(row.difference), row.difference)}</td><td>±{amount(row.margin)}</td><td>{change_words(row.a, row.b)}</td>
        <td class="name" title={VERDICTS[row.verdict]}><b class={"d" + change_class(row.verdict, row.a, row.b, row.margin)} />{row.verdict}</td>
        <td class="name" title={visible(row.file)}><button class="link" onClick={() => open(row)}>{visible(row.name)}</button> <i>{row.file ? visible(file_end(row.file)) + (row.line ? ":" + row.line : "") : ""}</i></td>
      </tr>
    )} />
  );
}

export const Sides = () => (
  <span class="pick" role="group" aria-label="width">
    {["a", "b"].map(key => <button key={key} aria-pressed={side.value === key} title={`boxes are as wide as in ${key.toUpperCase()}`} onClick={() => { side.value = key; root.value = 0; }}>as wide as {key.toUpperCase()}</button>)}
  </span>
);
