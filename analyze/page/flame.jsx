// SPDX-License-Identifier: MIT
//
// flame - the chosen weights as boxes: flame graph, icicle, inverted, or one thread in the order of time.
import { Boxes } from "./boxes.jsx";
import { box_color, is_dark } from "./colors.js";
import { intervals, totals } from "./data.js";
import { boxes, course, drawn_self, drawn_tree, function_name, inverted } from "./shapes.js";
import { callers, choice, find, full, picked, range, root, tab, theme, threads, trace, view, weight_ns, weights } from "./state.js";
import { is_native, percent, seconds, visible } from "./text.js";

// What is drawn: boxes, the whole, and what stands in place of it.
function layout(width) {
  const t = trace.value, { self, total } = weights.value;
  if (view.value === "order" && t.thin) return { list: [], total: 0, note: "this page was thinned: the order of stacks is not in it (pyanalyze report --exact)" };
  if (view.value === "order") {
    const only = threads.value && threads.value.size === 1 ? t.threads[[...threads.value][0]] : t.threads.find(th => th.main) || t.threads[0];
    const list = only && course(t, only, range.value, undefined, choice.value.scopes);
    if (!list) return { list: [], total: 0, note: "too many stacks for the order of time: choose a shorter range and one thread" };
    const [from, to] = intervals(t, t.processes[only.process], range.value);
    for (const box of list) box.x -= from;
    return { list, total: to - from, note: `${visible(only.name)} in the order of time`, time: t.processes[only.process].interval_ns };
  }
  const least = (total / width) * 0.6;
  if (view.value === "inverted" || callers.value !== null) {
    const list = inverted(t, self, least, callers.value);
    return { list, total: list[0].width, note: callers.value !== null ? `who calls ${visible(t.functions[callers.value][0])}; Esc goes back` : "" };
  }
  const tree = drawn_tree(t, full.value), sums = totals(tree.up, drawn_self(t, tree, self)), at = sums[root.value] ? root.value : 0;
  return { list: boxes(tree, sums, (sums[at] / width) * 0.6, at), total: sums[at], note: at ? `zoomed to ${visible(function_name(t, tree.fn[at]))}; Esc shows all` : "" };
}

// A chain of calls that only call the next: the first, how many between, the last.
export function chain_words(box, name_of) {
  const name = visible(name_of(box.fn));
  return box.chain ? `${visible(name_of(box.chain[0]))} → ${box.chain.length > 2 ? `${box.chain.length - 2} more → ` : ""}${name}` : name;
}

export function is_found(calls, name_of) {
  const wanted = find.value.toLowerCase();
  return !!wanted && calls.some(f => f >= 0 && name_of(f).toLowerCase().includes(wanted));
}
export const found_color = () => (is_dark() ? "#c0569a" : "#f3a6d3");
export const native_lines = () => (is_dark() ? "rgba(255,255,255,.28)" : "rgba(16,32,47,.2)");
export const plain_ink = () => (is_dark() ? "#f2f5f9" : "#10202f");

export function Flame() {
  const t = trace.value, name_of = fn => function_name(t, fn), calls_of = box => box.chain || [box.fn];
  const deps = [choice.value, weights.value, view.value, root.value, full.value, theme.value, callers.value, find.value, picked.value];
  const paint = box => {
    const fn = box.fn >= 0 ? t.functions[box.fn] : null;
    const native = !!fn && is_native(fn);
    return { fill: is_found(calls_of(box), name_of) ? found_color() : fn ? box_color(t.files[fn[1]], fn[0], native) : is_dark() ? "#39434f" : "#d3d9e0", ink: plain_ink(), lines: native ? native_lines() : undefined };
  };
  const words = (box, shape) => {
    const fn = box.fn >= 0 ? t.functions[box.fn] : null, amount = shape.time ? seconds(box.width * shape.time) : seconds(weight_ns(box.width));
    const of_c = fn && is_native(fn) ? "C function " : "", place = fn && t.files[fn[1]] + (fn[2] ? ":" + fn[2] : "");
    const name = box.chain ? box.chain.map(f => visible(name_of(f))).join(" → ") : fn ? `${of_c}${visible(fn[0])}${place ? ` (${visible(place)})` : ""}` : visible(name_of(box.fn));
    return `${name}: ${amount}, ${percent(shape.total ? box.width / shape.total : 0)}`;
  };
  const open = box => {
    if (box.fn >= 0) {
      picked.value = box.fn;
      tab.value = "source";
    }
    if (view.value === "flame" || view.value === "icicle") root.value = callers.value === null && box.node > 0 && box.node !== root.value ? box.node : callers.value === null ? 0 : root.value;
  };
  const noted = width => {
    const shape = layout(width);
    return { ...shape, note: shape.note || (find.value ? `${shape.list.filter(box => is_found(calls_of(box), name_of)).length} boxes have "${visible(find.value)}" in their name` : "") };
  };
  return <Boxes deps={deps} layout={noted} up={view.value === "flame" && callers.value === null} paint={paint} label={box => chain_words(box, name_of)} words={words} outlined={box => picked.value >= 0 && calls_of(box).includes(picked.value)} open={open} menu={box => { callers.value = box.fn; }} name="Flame graph of what is chosen; arrow keys go from box to box, the table beside it has the same numbers." />;
}
