// SPDX-License-Identifier: MIT
//
// timeline - all threads over time: curves of CPU and GIL, stalls, a strip per thread; drag for a range.
//
// One canvas with one time scale for all of it, so that nothing can be shifted against something else.
import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { is_dark, is_hatched, state_color } from "./colors.js";
import { curves, snap_range, strip } from "./data.js";
import { BLOCKED, DRAWN, KERNEL, ON_CPU, READY, STOPS_WORLD, UNKNOWN, WAITS_GIL, WAITS_OBJECT, WAITS_WORLD } from "./read.js";
import { draw_bars, draw_marks, LANE, MARKS, mark_words, phase_words } from "./lanes.js";
import { lanes_of } from "./scopes.js";
import { choice, other, range, shown, theme, threads, trace } from "./state.js";
import { clock, seconds, thread_kind, visible } from "./text.js";

const LABEL = 170, AXIS = 22, CURVES = 70, STALLS = 14, ROW = 18, RIGHT = 12;
const ORDER = [STOPS_WORLD, ON_CPU, KERNEL, READY, WAITS_GIL, WAITS_OBJECT, WAITS_WORLD, UNKNOWN, BLOCKED]; // from below

// Steps of the time axis in ns.
const STEPS = [1e3, 1e4, 1e5, 1e6, 2e6, 5e6, 1e7, 2e7, 5e7, 1e8, 2e8, 5e8, 1e9, 2e9, 5e9, 1e10, 1.5e10, 3e10, 6e10, 12e10, 3e11, 6e11, 12e11, 18e11, 36e11, 72e11, 108e11, 216e11, 432e11, 864e11];

export function time_span() {
  const t = trace.value;
  return shown.value || { from: t.start_ns, to: Math.max(t.end_ns, t.start_ns + 1) };
}

export function zoom_time(center, factor) {
  const t = trace.value, { from, to } = time_span();
  const a = Math.max(t.start_ns, center - (center - from) * factor), b = Math.min(t.end_ns, center + (to - center) * factor);
  shown.value = a <= t.start_ns && b >= t.end_ns ? null : b - a > 1e4 ? { from: a, to: b } : shown.value;
}

export function choose_range(from, to, field = range) {
  if (!trace.value.processes.length) return; // nobody was seen
  field.value = from === null ? null : snap_range(trace.value, Math.max(trace.value.start_ns, Math.min(from, to)), Math.min(trace.value.end_ns, Math.max(from, to)));
}

// All but what is chosen, which is drawn over it: made anew only when something of it is another.
function draw_base(base, canvas, rows, stalls) {
  const t = trace.value, { from, to } = time_span(), ratio = devicePixelRatio || 1, width = canvas.width, height = canvas.height;
  const key = [from, to, width, height, ratio, is_dark(), rows.map(row => row.name).join("\0"), threads.value && [...threads.value].join(" "), choice.value.scopes && choice.value.scopes.join("")].join("\n");
  if (base.key === key) return base.picture;
  const picture = document.createElement("canvas"), c = picture.getContext("2d"), plot = Math.max(50, width / ratio - LABEL - RIGHT);
  picture.width = width;
  picture.height = height;
  const x_of = ns => LABEL + ((ns - from) / (to - from)) * plot, ink = getComputedStyle(document.body).color, soft = is_dark() ? "#333d49" : "#e2e6ea";
  c.scale(ratio, ratio);
  c.font = "12px system-ui, sans-serif";
  c.textBaseline = "middle";
  draw_axis(c, t, from, to, x_of, plot, height / ratio, ink, soft);
  draw_curves(c, t, { from, to }, plot, ink, soft);
  draw_stalls(c, stalls, x_of, from, to);
  if (t.marks.length) draw_marks(c, t, x_of, from, to, { y: AXIS + CURVES + STALLS, left: LABEL }, ink);
  for (const row of rows) {
    draw_strip(c, t, row, { from, to }, plot, row.y, ink, ratio);
    if (row.lanes) draw_bars(c, t, row.lanes, x_of, from, to, { y: row.y + ROW - 2, left: LABEL, right: LABEL + plot }, ink);
  }
  base.key = key;
  return base.picture = picture;
}

function draw(canvas, rows, stalls, drag, base) {
  const { from, to } = time_span(), ratio = devicePixelRatio || 1;
  const width = Math.max(100, canvas.parentNode.clientWidth), height = rows_end(rows) + 4;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.height = height + "px";
  const c = canvas.getContext("2d"), plot = Math.max(50, width - LABEL - RIGHT);
  const ink = getComputedStyle(document.body).color;
  const x_of = ns => LABEL + ((ns - from) / (to - from)) * plot;
  c.drawImage(draw_base(base, canvas, rows, stalls), 0, 0);
  c.scale(ratio, ratio);
  c.font = "12px system-ui, sans-serif";
  c.textBaseline = "middle";
  const second = drag && drag.second, marks = [[second ? range.value : drag || range.value, "A"], [second ? drag : other.value, "B"]];
  for (const [mark, letter] of marks) {
    if (!mark) continue;
    const a = x_of(Math.max(from, Math.min(mark.from, mark.to))), b = x_of(Math.min(to, Math.max(mark.from, mark.to)));
    c.fillStyle = is_dark() ? "rgba(255,255,255,.14)" : "rgba(20,40,70,.12)";
    c.fillRect(a, AXIS, Math.max(1, b - a), height - AXIS);
    c.fillStyle = ink;
    c.fillRect(a, AXIS, 1, height - AXIS);
    c.fillRect(b - 1, AXIS, 1, height - AXIS);
    c.textAlign = "left";
    if (marks[1][0]) c.fillText(letter, a + 4, AXIS + 8); // which is which, where there are two
  }
}

function draw_axis(c, t, from, to, x_of, plot, height, ink, soft) {
  const step = STEPS.find(s => ((to - from) / s) * 90 <= plot) || STEPS[STEPS.length - 1];
  const digits = step >= 1e9 ? 0 : step >= 1e8 ? 1 : 3;
  c.textAlign = "center";
  const first = t.recordings[0], clock_ns = Number(BigInt(first.unix_ns) % BigInt(step)) - first.shift_ns; // whole steps of the clock
  for (let ns = Math.ceil((from + clock_ns) / step) * step - clock_ns; ns <= to; ns += step) {
    const x = x_of(ns);
    c.fillStyle = soft;
    c.fillRect(Math.round(x), AXIS - 4, 1, height - AXIS + 4);
    c.fillStyle = ink;
    const text = clock(t, ns, digits), half = c.measureText(text).width / 2;
    c.fillText(text, Math.min(Math.max(LABEL + half, x), LABEL + plot + RIGHT - half), AXIS / 2);
  }
}

function draw_curves(c, t, span, plot, ink, soft) {
  const n = Math.max(10, Math.floor(plot)), all = curves(t, span, n), base = AXIS + CURVES - 2;
  const most = Math.max(1, ...all.cpu, ...all.gil_wait), scale = (CURVES - 8) / most;
  const path = (values, fill) => {
    c.beginPath();
    if (fill) c.moveTo(LABEL, base);
    for (let i = 0; i < n; i++) c.lineTo(LABEL + i, base - values[i] * scale);
    if (fill) c.lineTo(LABEL + n, base);
  };
  c.fillStyle = state_color(ON_CPU);
  path(all.cpu, true);
  c.globalAlpha = 0.75;
  c.fill();
  c.globalAlpha = 1;
  c.strokeStyle = state_color(WAITS_GIL);
  c.lineWidth = 1.5;
  path(all.gil_wait, false);
  c.stroke();
  c.fillStyle = soft;
  c.fillRect(LABEL, base, plot, 1);
  c.fillStyle = ink;
  c.textAlign = "right";
  c.fillText(most >= 10 ? most.toFixed(0) : most.toFixed(1), LABEL - 6, AXIS + 8);
  c.fillText("CPUs in use, threads", LABEL - 6, AXIS + CURVES / 2 - 6);
  c.fillText("that wait for the GIL", LABEL - 6, AXIS + CURVES / 2 + 9);
}

function draw_stalls(c, stalls, x_of, from, to) {
  const y = AXIS + CURVES;
  if (stalls.length) {
    c.fillStyle = getComputedStyle(document.body).color;
    c.textAlign = "right";
    c.fillText("stalls", LABEL - 6, y + STALLS / 2);
  }
  c.fillStyle = is_dark() ? "#ff7b5c" : "#b5301c";
  for (const stall of stalls) {
    if (stall.to < from || stall.from > to) continue;
    const a = Math.max(LABEL, x_of(stall.from)), b = x_of(Math.min(to, stall.to));
    c.fillRect(a, y + 3, Math.max(3, b - a), STALLS - 6);
  }
}

function draw_strip(c, t, row, span, plot, y, ink, ratio) {
  const n = Math.max(10, Math.floor(plot)), height = ROW - 3, sums = new Float64Array(n * DRAWN);
  for (const thread of row.threads) {
    const one = strip(t, thread, span, n, choice.value.scopes);
    for (let i = 0; i < sums.length; i++) sums[i] += one[i];
  }
  const many = row.threads.length;
  for (let x = 0; x < n; x++) {
    let seen = 0;
    for (let k = 0; k < DRAWN; k++) seen += sums[x * DRAWN + k];
    if (!seen) continue;
    let bottom = y + height;
    const visible_height = height * Math.min(1, seen / many);
    for (const cls of ORDER) {
      const part = sums[x * DRAWN + cls];
      if (!part) continue;
      // what there is of a state is at least a pixel, whatever its share
      let h = Math.max(cls === BLOCKED ? 0 : 1, Math.round((part / seen) * Math.max(2, visible_height)));
      h = cls === BLOCKED ? Math.max(0, bottom - y) : Math.min(h, bottom - y);
      if (h <= 0) continue;
      c.fillStyle = state_color(cls);
      c.fillRect(LABEL + x, bottom - h, 1, h);
      if (is_hatched(cls) && x % 3 === 0) {
        c.fillStyle = "rgba(255,255,255,.45)";
        c.fillRect(LABEL + x, bottom - h, 1, h);
      }
      bottom -= h;
    }
  }
  const chosen = !threads.value || row.threads.some(thread => threads.value.has(thread.index));
  c.fillStyle = ink;
  c.globalAlpha = chosen ? 1 : 0.45;
  c.textAlign = "right";
  c.fillText(fit_middle(c, visible(row.name), LABEL - 10), LABEL - 6, y + height / 2);
  c.globalAlpha = 1;
}

// Beginning and end of a name: numbers at its end tell threads of a pool apart.
function fit_middle(c, text, room) {
  if (text.length < 400 && c.measureText(text).width <= room) return text;
  let n = 24;
  const cut = () => text.slice(0, Math.ceil(n / 2)) + "…" + text.slice(text.length - Math.floor(n / 2));
  while (n > 2 && c.measureText(cut()).width > room) n--;
  return cut();
}

// Where rows of threads begin, and end: below what is for all of them.
const rows_begin = t => AXIS + CURVES + STALLS + (t.marks.length ? MARKS : 0);
const rows_end = rows => (rows.length ? rows[rows.length - 1].y + rows[rows.length - 1].height : AXIS + CURVES + STALLS);

// Rows with their places, and the phases of their threads in lanes below.
function place_rows(t, rows) {
  let y = rows_begin(t);
  t.lanes ||= new Map();
  for (const row of rows) {
    const key = row.threads.map(thread => thread.index).join(" ");
    if (t.phases.length && !t.lanes.has(key)) t.lanes.set(key, lanes_of(t, row.threads));
    const lanes = t.phases.length ? t.lanes.get(key) : null;
    row.lanes = lanes && lanes.lanes ? lanes : null;
    row.y = y;
    row.height = ROW + (row.lanes ? row.lanes.lanes * LANE + 2 : 0);
    y += row.height;
  }
  return rows;
}

// Threads as rows: what has a number at its end and several of its kind is one row, unless opened.
export function timeline_rows(t, opened) {
  const rows = [], groups = new Map(), several = t.processes.length > 1;
  for (const thread of t.threads) {
    const process = t.processes[thread.process], kind = thread_kind(thread.name);
    const key = thread.process + "\0" + kind;
    if (!groups.has(key)) groups.set(key, { key, kind, process, threads: [] });
    groups.get(key).threads.push(thread);
  }
  const suffix = process => (several ? ` · ${process.pid}` : "");
  for (const group of groups.values()) {
    const open = group.threads.length < 4 || opened.has(group.key);
    if (!open) rows.push({ name: `${group.kind}* (${group.threads.length})${suffix(group.process)}`, threads: group.threads, key: group.key });
    else for (const thread of group.threads) rows.push({ name: thread.name + suffix(group.process), threads: [thread], key: group.threads.length < 4 ? null : group.key });
  }
  return rows;
}

export function Timeline({ stalls }) {
  const canvas = useRef(), base = useRef({}), down_on = useRef(null), drag = useSignal(null), opened = useSignal(new Set()), hover = useRef();
  const t = trace.value, rows = place_rows(t, timeline_rows(t, opened.value));
  // what draw() reads: it is called when all else is rendered, and nobody would see that it is another
  void [theme.value, range.value, other.value, shown.value, threads.value, choice.value, drag.value];
  const redraw = () => canvas.current && draw(canvas.current, rows, stalls, drag.value, base.current);
  useLayoutEffect(redraw);
  useEffect(() => {
    addEventListener("resize", redraw);
    return () => removeEventListener("resize", redraw);
  });
  const plot = () => Math.max(50, canvas.current.parentNode.clientWidth - LABEL - RIGHT);
  const ns_at = x => {
    const { from, to } = time_span();
    return from + (Math.max(0, Math.min(plot(), x - LABEL)) / plot()) * (to - from);
  };
  const row_at = y => rows.find(row => y >= row.y && y < row.y + row.height);
  const near = (list, x, begin, end) => list.filter(one => ns_at(x + 3) >= begin(one) && ns_at(x - 3) <= end(one));
  // The shortest one where several lie under it: those around it can be met elsewhere.
  const phase_at = (x, y) => {
    const row = row_at(y), lane = row && row.lanes ? Math.floor((y - row.y - ROW + 2) / LANE) : -1;
    if (lane < 0) return null;
    const bars = near(row.lanes.bars.filter(bar => bar.lane === lane), x, bar => bar.phase.from, bar => bar.phase.to);
    return bars.length ? bars.reduce((a, b) => (b.phase.to - b.phase.from < a.phase.to - a.phase.from ? b : a)).phase : null;
  };
  const mark_at = (x, y) => {
    const top = AXIS + CURVES + STALLS, marks = t.marks.length && y >= top && y < top + MARKS ? near(t.marks, x, mark => mark[2], mark => mark[2]) : [];
    return marks.length ? marks.reduce((a, b) => (Math.abs(b[2] - ns_at(x)) < Math.abs(a[2] - ns_at(x)) ? b : a)) : null;
  };
  const choose_row = (row, add) => {
    const mine = row.threads.map(thread => thread.index), now = threads.value;
    if (add) threads.value = new Set([...(now || []), ...mine]);
    else threads.value = now && now.size === mine.length && mine.every(i => now.has(i)) ? null : new Set(mine);
  };
  const down = e => {
    if (e.button !== 0) return;
    if (e.offsetX < LABEL) {
      const row = row_at(e.offsetY);
      if (!row) return;
      if (row.key && e.detail === 2) {
        const next = new Set(opened.value);
        next.has(row.key) ? next.delete(row.key) : next.add(row.key);
        opened.value = next;
      } else choose_row(row, e.ctrlKey || e.metaKey);
      return;
    }
    const stall = stalls.find(s => e.offsetY >= AXIS + CURVES && e.offsetY < AXIS + CURVES + STALLS && ns_at(e.offsetX + 3) >= s.from && ns_at(e.offsetX - 3) <= s.to);
    if (stall) return stall.show();
    const phase = phase_at(e.offsetX, e.offsetY), mark = mark_at(e.offsetX, e.offsetY);
    if (mark) return choose_range(mark[2], t.end_ns);
    down_on.current = phase;
    const from = ns_at(e.offsetX);
    canvas.current.setPointerCapture(e.pointerId);
    drag.value = { from, to: from, second: e.shiftKey };
  };
  const move = e => {
    const ns = ns_at(e.offsetX), row = row_at(e.offsetY);
    const phase = e.offsetX >= LABEL && phase_at(e.offsetX, e.offsetY), mark = e.offsetX >= LABEL && mark_at(e.offsetX, e.offsetY);
    hover.current.textContent = phase ? phase_words(t, phase) : mark ? mark_words(t, mark) : e.offsetX < LABEL ? (row ? `${visible(row.name)}: click to choose, Ctrl adds${row.key ? ", double click opens the group" : ""}` : "") : `${clock(t, ns)} (${seconds(ns - t.start_ns)} after the start)${row ? " " + visible(row.name) : ""}`;
    if (drag.value) drag.value = { ...drag.value, to: ns };
  };
  const up = () => {
    if (!drag.value) return;
    const { from, to, second } = drag.value, { from: a, to: b } = time_span();
    const is_drag = Math.abs(to - from) / (b - a) > 0.002, phase = down_on.current;
    if (!is_drag && phase) choose_range(phase.from, phase.to, second ? other : range);
    else choose_range(is_drag ? from : null, to, second ? other : range);
    down_on.current = drag.value = null;
  };
  const wheel = e => {
    if (!e.ctrlKey && !e.shiftKey && Math.abs(e.deltaY) < Math.abs(e.deltaX)) return;
    e.preventDefault();
    zoom_time(ns_at(e.offsetX), e.deltaY > 0 ? 1.25 : 0.8);
  };
  useEffect(() => {
    const el = canvas.current;
    el.addEventListener("wheel", wheel, { passive: false });
    return () => el.removeEventListener("wheel", wheel);
  });
  return (
    <div class="timeline">
      <canvas ref={canvas} tabIndex={0} role="img" aria-label="All threads over time. Drag to choose a range, arrow keys move it; the tables below have its numbers." onPointerDown={down} onPointerMove={move} onPointerUp={up} onDblClick={e => e.offsetX > LABEL && ((shown.value = null), (other.value = null), choose_range(null))} />
      <div class="detail" ref={hover}>drag to choose a range of time, with Shift a second one to compare; wheel zooms; double click shows all</div>
    </div>
  );
}
