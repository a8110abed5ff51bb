// SPDX-License-Identifier: MIT
//
// boxes - weights as boxes on a canvas, with mouse and keys: what flame graphs of all kinds have in common.
//
// Who shows them says what there is (`layout(width)`: { list, total, note }, boxes { x, width, depth, fn,
// node, chain? }), and of a box its `paint` ({ fill, ink, lines? }), `label` and `words`, and what `open` and
// `menu` do with it. `deps` are values, one of which is another when something of that is another.
import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { is_dark } from "./colors.js";

const ROW = 18, DEEPEST = 70;

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

function hatch(c, x, y, w, color) {
  c.save();
  c.beginPath();
  c.rect(x, y, w, ROW - 1);
  c.clip();
  c.strokeStyle = color;
  c.lineWidth = 1.5;
  c.beginPath();
  for (let at = x - ROW; at < x + w; at += 7) {
    c.moveTo(at, y + ROW);
    c.lineTo(at + ROW, y);
  }
  c.stroke();
  c.restore();
}

function draw(canvas, shape, width, { up, paint, label, outlined }) {
  const ratio = devicePixelRatio || 1;
  let deepest = 0;
  // what is narrower than a pixel is drawn, but makes no room for itself
  for (const box of shape.list) if (box.width * width >= 1.5 * shape.total) deepest = Math.max(deepest, box.depth);
  const height = (Math.min(deepest, DEEPEST) + 1) * ROW, k = shape.total ? width / shape.total : 0;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.height = height + "px";
  const c = canvas.getContext("2d");
  c.scale(ratio, ratio);
  c.font = "12px system-ui, sans-serif";
  c.textBaseline = "middle";
  for (const box of shape.list) {
    const x = box.x * k, w = box.width * k, y = up ? height - (box.depth + 1) * ROW : box.depth * ROW;
    if (box.depth > Math.min(deepest, DEEPEST) || w < 0.3) continue;
    const { fill, ink, lines } = paint(box), wide = Math.max(w - 0.6, 0.4);
    c.fillStyle = fill;
    c.fillRect(x, y, wide, ROW - 1);
    if (lines && w > 3) hatch(c, x, y, wide, lines);
    if (outlined(box)) {
      c.lineWidth = 1;
      c.strokeStyle = is_dark() ? "#fff" : "#000";
      c.strokeRect(x + 0.5, y + 0.5, Math.max(w - 1.6, 1), ROW - 2);
    }
    if (w > 26) {
      const text = fit(c, label(box), w - 6);
      if (lines) {
        c.fillStyle = fill;
        c.fillRect(x + 1, y + 1, Math.min(w - 2, c.measureText(text).width + 6), ROW - 3);
      }
      c.fillStyle = ink;
      c.fillText(text, x + 3, y + ROW / 2);
    }
  }
  return { shape, k, height, up };
}

// Where an arrow key leads from a box.
function neighbor(list, at, key, up) {
  const inside = (a, b) => a.x < b.x + b.width - 1e-9 && b.x < a.x + a.width - 1e-9;
  const same = list.filter(b => b.depth === at.depth).sort((a, b) => a.x - b.x), i = same.indexOf(at);
  if (key === "ArrowLeft") return same[i - 1];
  if (key === "ArrowRight") return same[i + 1];
  if (key === (up ? "ArrowUp" : "ArrowDown")) return list.filter(b => b.depth === at.depth + 1 && inside(b, at)).sort((a, b) => b.width - a.width)[0];
  if (key === (up ? "ArrowDown" : "ArrowUp")) return list.find(b => b.depth === at.depth - 1 && inside(b, at));
}

export function Boxes(props) {
  const canvas = useRef(), detail = useRef(), drawn = useRef(), cursor = useSignal(null), resized = useSignal(0);
  void resized.value;
  useLayoutEffect(() => {
    const box = canvas.current.parentNode, room = box.clientWidth, width = Math.max(100, room);
    drawn.current = { ...draw(canvas.current, props.layout(width), width, props), room };
    box.scrollTop = drawn.current.up ? box.scrollHeight : 0; // begin where stacks begin
    detail.current.textContent = drawn.current.shape.note || "\u00a0";
  }, [...props.deps, resized.value]);
  useEffect(() => {
    // also when a scroll bar comes beside the page
    const watch = new ResizeObserver(() => {
      if (canvas.current && canvas.current.parentNode.clientWidth !== drawn.current.room) resized.value++;
    });
    watch.observe(canvas.current.parentNode);
    return () => watch.disconnect();
  }, []);
  const box_at = e => {
    const d = drawn.current, depth = Math.floor((d.up ? d.height - e.offsetY : e.offsetY) / ROW);
    return d.shape.list.find(b => b.depth === depth && e.offsetX >= b.x * d.k && e.offsetX < (b.x + b.width) * d.k);
  };
  const say = box => {
    if (box) detail.current.textContent = props.words(box, drawn.current.shape);
  };
  const keys = e => {
    const list = drawn.current.shape.list, at = cursor.value && list.includes(cursor.value) ? cursor.value : list[0];
    if (!at || e.ctrlKey || e.altKey || e.metaKey) return;
    const to = neighbor(list, at, e.key, drawn.current.up);
    if (to) {
      cursor.value = to;
      say(to);
    } else if (e.key === "Enter") props.open(at);
    else if (!["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].includes(e.key)) return;
    e.preventDefault();
    e.stopPropagation();
  };
  const menu = e => {
    const box = box_at(e);
    if (!box || !props.menu || box.fn < 0) return;
    e.preventDefault();
    props.menu(box);
  };
  return (
    <div class="flame">
      <div class="detail" ref={detail} aria-live="polite">&nbsp;</div>
      <div class="boxes">
      <canvas ref={canvas} tabIndex={0} role="img" aria-label={props.name} onMouseMove={e => say(box_at(e))} onClick={e => { const box = box_at(e); if (box) props.open(box); }} onContextMenu={menu} onKeyDown={keys} />
      </div>
    </div>
  );
}
