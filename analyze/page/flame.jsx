// SPDX-License-Identifier: MIT
//
// flame - the chosen weights as boxes: flame graph, icicle, inverted, or one thread in the order of time.
import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { box_color, is_dark } from "./colors.js";
import { intervals, totals } from "./data.js";
import { boxes, course, drawn_self, drawn_tree, function_name, inverted } from "./shapes.js";
import { callers, choice, find, full, picked, range, root, tab, theme, threads, trace, view, weight_ns, weights } from "./state.js";
import { percent, seconds, visible } from "./text.js";

const ROW = 18, DEEPEST = 70;

// What is drawn: boxes, the whole, and what stands in place of it.
function layout(width) {
  const t = trace.value, { self, total } = weights.value;
  if (view.value === "order" && t.thin) return { list: [], total: 0, note: "this page was thinned: the order of stacks is not in it (pyanalyze report --exact)" };
  if (view.value === "order") {
    const only = threads.value && threads.value.size === 1 ? t.threads[[...threads.value][0]] : t.threads.find(th => th.main) || t.threads[0];
    const list = only && course(t, only, range.value);
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
function label_of(t, box) {
  const name = visible(function_name(t, box.fn));
  return box.chain ? `${visible(function_name(t, box.chain[0]))} → ${box.chain.length > 2 ? `${box.chain.length - 2} more → ` : ""}${name}` : name;
}

// As much of a text as is `room` wide.
function fit(c, text, room) {
  if (text.length * 14 < room || c.measureText(text).width <= room) return text;
  let low = 0, high = Math.min(text.length, Math.ceil(room / 2));
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (c.measureText(text.slice(0, middle) + "…").width <= room) low = middle;
    else high = middle - 1;
  }
  return low ? text.slice(0, low) + "…" : "";
}

function draw(canvas, shape, width) {
  const t = trace.value, ratio = devicePixelRatio || 1, up = view.value === "flame" && callers.value === null;
  let deepest = 0;
  // what is narrower than a pixel is drawn, but makes no room for itself
  for (const box of shape.list) if (box.width * width >= 1.5 * shape.total) deepest = Math.max(deepest, box.depth);
  const height = (Math.min(deepest, DEEPEST) + 1) * ROW, k = shape.total ? width / shape.total : 0;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.height = height + "px";
  const c = canvas.getContext("2d"), wanted = find.value.toLowerCase();
  c.scale(ratio, ratio);
  c.font = "12px system-ui, sans-serif";
  c.textBaseline = "middle";
  let found = 0;
  for (const box of shape.list) {
    const x = box.x * k, w = box.width * k, y = up ? height - (box.depth + 1) * ROW : box.depth * ROW;
    if (box.depth > Math.min(deepest, DEEPEST) || w < 0.3) continue;
    const fn = box.fn >= 0 ? t.functions[box.fn] : null, name = function_name(t, box.fn), calls = box.chain || [box.fn];
    const hit = wanted && calls.some(f => f >= 0 && function_name(t, f).toLowerCase().includes(wanted));
    c.fillStyle = hit ? (is_dark() ? "#c0569a" : "#f3a6d3") : fn ? box_color(t.files[fn[1]], name) : is_dark() ? "#39434f" : "#d3d9e0";
    c.fillRect(x, y, Math.max(w - 0.6, 0.4), ROW - 1);
    if (hit) found++;
    if (picked.value >= 0 && calls.includes(picked.value)) {
      c.strokeStyle = is_dark() ? "#fff" : "#000";
      c.strokeRect(x + 0.5, y + 0.5, Math.max(w - 1.6, 1), ROW - 2);
    }
    if (w > 26) {
      c.fillStyle = is_dark() ? "#f2f5f9" : "#10202f";
      c.fillText(fit(c, label_of(t, box), w - 6), x + 3, y + ROW / 2);
    }
  }
  return { shape, k, height, up, found };
}

export function Flame() {
  const canvas = useRef(), detail = useRef(), drawn = useRef(), cursor = useSignal(null), resized = useSignal(0);
  const t = trace.value;
  const key = useComputed(() => [choice.value, weights.value, view.value, root.value, full.value, theme.value, callers.value, find.value, picked.value, resized.value]);
  useLayoutEffect(() => {
    void key.value;
    const width = Math.max(100, canvas.current.parentNode.clientWidth);
    drawn.current = draw(canvas.current, layout(width), width);
    const box = canvas.current.parentNode;
    box.scrollTop = drawn.current.up ? box.scrollHeight : 0; // begin where stacks begin
    detail.current.textContent = drawn.current.shape.note || (find.value ? `${drawn.current.found} boxes have "${find.value}" in their name` : "\u00a0");
  });
  useEffect(() => {
    const again = () => resized.value++;
    addEventListener("resize", again);
    return () => removeEventListener("resize", again);
  }, []);
  const box_at = e => {
    const d = drawn.current, depth = Math.floor((d.up ? d.height - e.offsetY : e.offsetY) / ROW);
    return d.shape.list.find(b => b.depth === depth && e.offsetX >= b.x * d.k && e.offsetX < (b.x + b.width) * d.k);
  };
  const say = box => {
    if (!box) return;
    const shape = drawn.current.shape, fn = box.fn >= 0 ? t.functions[box.fn] : null;
    const amount = shape.time ? seconds(box.width * shape.time) : seconds(weight_ns(box.width));
    detail.current.textContent = `${box.chain ? box.chain.map(f => visible(function_name(t, f))).join(" → ") : fn ? `${visible(fn[0])} (${visible(t.files[fn[1]])}:${fn[2]})` : visible(function_name(t, box.fn))}: ${amount}, ${percent(shape.total ? box.width / shape.total : 0)}`;
  };
  const open = box => {
    if (!box) return;
    if (box.fn >= 0) {
      picked.value = box.fn;
      tab.value = "source";
    }
    if (view.value === "flame" || view.value === "icicle") root.value = callers.value === null && box.node > 0 && box.node !== root.value ? box.node : callers.value === null ? 0 : root.value;
  };
  const keys = e => {
    const list = drawn.current.shape.list, at = cursor.value && list.includes(cursor.value) ? cursor.value : list[0];
    if (!at || e.ctrlKey || e.altKey || e.metaKey) return;
    const inside = (a, b) => a.x < b.x + b.width - 1e-9 && b.x < a.x + a.width - 1e-9;
    const same = list.filter(b => b.depth === at.depth).sort((a, b) => a.x - b.x), i = same.indexOf(at);
    const deeper = drawn.current.up ? "ArrowUp" : "ArrowDown", back = drawn.current.up ? "ArrowDown" : "ArrowUp";
    const to = e.key === "ArrowLeft" ? same[i - 1] : e.key === "ArrowRight" ? same[i + 1] : e.key === deeper ? list.filter(b => b.depth === at.depth + 1 && inside(b, at)).sort((a, b) => b.width - a.width)[0] : e.key === back ? list.find(b => b.depth === at.depth - 1 && inside(b, at)) : undefined;
    if (to) {
      cursor.value = to;
      say(to);
    } else if (e.key === "Enter") open(at);
    else if (!["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].includes(e.key)) return;
    e.preventDefault();
    e.stopPropagation();
  };
  const menu = e => {
    const box = box_at(e);
    if (!box || box.fn < 0) return;
    e.preventDefault();
    callers.value = box.fn;
  };
  return (
    <div class="flame">
      <div class="detail" ref={detail} aria-live="polite">&nbsp;</div>
      <div class="boxes">
      <canvas ref={canvas} tabIndex={0} role="img" aria-label="Flame graph of what is chosen; arrow keys go from box to box, the table beside it has the same numbers." onMouseMove={e => say(box_at(e))} onClick={e => open(box_at(e))} onContextMenu={menu} onKeyDown={keys} />
      </div>
    </div>
  );
}
