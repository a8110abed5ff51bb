// SPDX-License-Identifier: MIT
//
// app - the page from top to bottom, in the order of the question: what stands out, when, who, where.
import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { HALT_STATES, LEGEND, STATES, is_dark } from "./colors.js";
import { Compared } from "./compared.jsx";
import { KEYS, METRICS, range_text } from "./data.js";
import { find_all, nothing_words, stall_list } from "./findings.js";
import { Flame } from "./flame.jsx";
import { ALL_CLASSES, CLASSES } from "./read.js";
import { Scopes } from "./scopes.jsx";
import { scope_words } from "./scopes.js";
import { callers, choice, classes, find, full, help, metric, other, picked, range, reset, root, shown, side, tab, table, theme, threads, trace, view, wanted, weight_ns, weights } from "./state.js";
import { Table } from "./table.jsx";
import { show_stall, Tabs } from "./tabs.jsx";
import { clock, count, is_native, seconds, thinning_text, visible } from "./text.js";
import { choose_range, time_span, Timeline } from "./timeline.jsx";

const VIEWS = { flame: "flame", icicle: "icicle", inverted: "inverted", order: "order of time" };

function Header() {
  const t = trace.value, p = t.processes[0], ticks = t.threads.reduce((a, th) => a + th.start[th.runs] - th.begin, 0);
  const turn = () => { theme.value = is_dark() ? "light" : "dark"; };
  return (
    <header>
      <h1>{visible(t.title)}</h1>
      <span>{t.threads.length} {t.threads.length === 1 ? "thread" : "threads"} · {t.processes.length > 1 ? `${t.processes.length} processes · ` : ""}{seconds(t.end_ns - t.start_ns)} · {p ? `${count(1e9 / p.interval_ns)} Hz · Python ${visible(p.python)} · ` : ""}{count(ticks)} samples · {visible(t.recordings[0].host)}, {clock(t, t.start_ns, 0)}</span>
      <span class="right"><button onClick={turn} aria-label="light or dark" title="light or dark">◐</button> <button onClick={() => { help.value = !help.value; }} aria-label="help" aria-expanded={help.value}>?</button></span>
    </header>
  );
}

function Findings({ findings }) {
  const show = f => {
    reset();
    if (f.range) choose_range(f.range.from, f.range.to);
    if (f.threads) threads.value = new Set(f.threads);
    if (f.metric) metric.value = f.metric;
    if (f.fn >= 0) picked.value = f.fn;
    if (f.tab) tab.value = f.tab;
  };
  return (
    <section class="findings" aria-label="what stands out">
      <h2>What stands out</h2>
      {findings.length ? <ul>{findings.map((f, i) => <li key={i}>{f.text} <span class="soft">({f.why})</span> <button onClick={() => show(f)}>show</button></li>)}</ul> : <p>{nothing_words(trace.value)}</p>}
    </section>
  );
}

function Chosen() {
  const t = trace.value, all = !range.value && !other.value && !threads.value && classes.value === ALL_CLASSES && !choice.value.scopes;
  const error = useSignal("");
  const edit = (which, text) => {
    const now = range.value || { from: t.start_ns, to: t.end_ns }, value = Number(text) * 1e9;
    error.value = Number.isFinite(value) ? "" : "seconds after the start, such as 12.5";
    if (Number.isFinite(value)) choose_range(which === "from" ? value : now.from, which === "to" ? value : now.to);
  };
  const now = range.value || { from: t.start_ns, to: t.end_ns };
  const input = which => <input type="text" size={9} aria-label={which + ", in seconds after the start"} value={(now[which] / 1e9).toFixed(3)} onChange={e => edit(which, e.currentTarget.value)} />;
  return (
    <div class="chosen">
      {LEGEND.map(cls => (
        <button key={cls} class="state" aria-pressed={!!(classes.value >> cls & 1)} title="count only what is pressed" onClick={() => { classes.value = (classes.value ^ (1 << cls)) || ALL_CLASSES; }}><b class={"s" + cls} />{STATES[cls].name}</button>
      ))}
      {HALT_STATES.map((state, i) => t.halts.includes(CLASSES + i) && <span key={i} class="state" title="of a build without a GIL; counted as the state that it is part of"><b class={"s" + (CLASSES + i)} />{state.name}</span>)}
      <Scopes />
      <span class="right">range {input("from")} to {input("to")} s {error.value && <b class="warn">{error.value}</b>} {range.value && <span class="soft">{clock(t, now.from)} – {clock(t, now.to)}, {seconds(now.to - now.from)}</span>} {t.thin && range.value && <span class="soft">{weights.value.likely ? "stacks have a further ± (thinned)" : "exact"}</span>} {range.value && <button onClick={() => { shown.value = { ...range.value }; }}>zoom</button>} {other.value && <span class="soft">B {(other.value.from / 1e9).toFixed(3)} to {(other.value.to / 1e9).toFixed(3)} s</span>} {other.value && <button onClick={() => { other.value = null; }}>no B</button>} {(shown.value || !all) && <button onClick={() => { shown.value = null; reset(); }}>all</button>}</span>
    </div>
  );
}

function Toolbar() {
  const total = useComputed(() => weights.value.total);
  const chosen = threads.value ? `${threads.value.size} of ${trace.value.threads.length} threads` : "all threads";
  return (
    <nav aria-label="what is shown">
      <span class="pick" role="group" aria-label="weight">{Object.entries(METRICS).map(([key, m]) => <button key={key} aria-pressed={metric.value === key} onClick={() => { metric.value = key; }}>{m.name}</button>)}</span>
      <span class="pick" role="group" aria-label="shape">{Object.entries(VIEWS).map(([key, name]) => <button key={key} aria-pressed={view.value === key} onClick={() => { view.value = key; callers.value = null; root.value = 0; }}>{name}</button>)} {(view.value === "flame" || view.value === "icicle") && <button aria-pressed={full.value} title="the import system's frames, and calls that only call the next, as boxes of their own" onClick={() => { full.value = !full.value; root.value = 0; }}>every frame</button>}</span>
      <input type="search" id="find" placeholder="find" aria-label="find functions" value={find.value} onInput={e => { find.value = e.currentTarget.value; }} />
      <span class="sum">{seconds(weight_ns(total.value))} {METRICS[metric.value].name}, {chosen}</span>
    </nav>
  );
}

function Help() {
  const rows = [["drag on the timeline", "choose a range; everything below counts it"], ["the same with Shift", "choose a second range: what differs, and whether that is real"], ["wheel, + and -", "zoom in time"], ["click a thread's name", "only this thread; Ctrl adds, double click opens a group"], ["click a phase or a mark on the timeline", "its time, or the time after it"], ["click a box", "zoom to it, and show its source"], ["right click a box or row", "who calls it"], ["hatched boxes, C in tables", "C functions, of a recording with --native"], ["/", "find"], ["arrow left, right; with Shift", "move the range; its end"], ["[ and ]", "the stall before, the next one"], ["1 to 6", "weight"], ["f i v o", "flame, icicle, inverted, order of time"], ["t", "functions, lines, files, modules"], ["w", "of two ranges: as wide as A, as wide as B"], ["Enter", "source of the chosen function"], ["Esc", "back"]];
  return <section class="help" aria-label="help"><table class="rows"><tbody>{rows.map(([a, b]) => <tr key={a}><th scope="row">{a}</th><td class="name">{b}</td></tr>)}</tbody></table></section>;
}

function keys(e, stalls) {
  if (e.ctrlKey || e.altKey || e.metaKey || /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName)) return;
  const t = trace.value, { from, to } = range.value || time_span(), step = (to - from) / 10;
  const views = { f: "flame", i: "icicle", v: "inverted", o: "order" };
  const at = range.value ? range.value.from : t.start_ns, times = [...stalls].sort((a, b) => a.from - b.from);
  if (e.key === "/") document.getElementById("find").focus();
  else if (e.key === "Escape") help.value ? (help.value = false) : callers.value !== null ? (callers.value = null) : root.value ? (root.value = 0) : reset();
  else if (e.key === "?") help.value = !help.value;
  else if (e.key >= "1" && e.key <= "6") metric.value = Object.keys(METRICS)[e.key - 1];
  else if (views[e.key]) view.value = views[e.key];
  else if (e.key === "Enter" && picked.value >= 0 && !/^(BUTTON|A)$/.test(e.target.tagName)) {
    tab.value = "source";
    document.getElementById("panel").focus();
  } else if (e.key === "t") { const names = Object.keys(KEYS); table.value = names[(names.indexOf(table.value) + 1) % names.length]; }
  else if (e.key === "w" && other.value) { side.value = side.value === "a" ? "b" : "a"; root.value = 0; }
  else if (e.key === "+" || e.key === "=") shown.value = { from: from + step, to: to - step };
  else if (e.key === "-") { const s = time_span(), w = s.to - s.from; const a = Math.max(t.start_ns, s.from - w / 4), b = Math.min(t.end_ns, s.to + w / 4); shown.value = a <= t.start_ns && b >= t.end_ns ? null : { from: a, to: b }; }
  else if (e.key === "]") { const next = times.find(s => s.from > at + 1); if (next) show_stall(next); }
  else if (e.key === "[") { const before = times.filter(s => s.from < at - 1).pop(); if (before) show_stall(before); }
  else if (range.value && (e.key === "ArrowLeft" || e.key === "ArrowRight")) { const by = e.key === "ArrowLeft" ? -step : step; choose_range(e.shiftKey ? from : from + by, to + by); }
  else return;
  e.preventDefault();
}

export function App() {
  const t = trace.value;
  const findings = useMemo(() => find_all(t), [t]);
  const stalls = useMemo(() => stall_list(t).map(s => ({ ...s, show: () => show_stall(s) })), [t]);
  useEffect(() => {
    const on = e => keys(e, stalls);
    addEventListener("keydown", on);
    return () => removeEventListener("keydown", on);
  }, [stalls]);
  const words = [...(t.functions.some(is_native) ? ["--native", "all"] : []), ...(range.value ? ["--from", range_text(range.value.from), "--to", range_text(range.value.to)] : []), ...scope_words(wanted.value).map(visible)].map(word => " " + word).join("");
  return (
    <>
      <Header />
      {help.value && <Help />}
      <Findings findings={findings} />
      <main>
        <Chosen />
        <Timeline stalls={stalls} />
        <Toolbar />
        {other.value ? <Compared /> : <div class="both"><Flame /><Table /></div>}
        <Tabs stalls={stalls} />
      </main>
      <footer class="soft">{thinning_text(t)} In a terminal: <code>pyanalyze {table.value} --merge-threads{words} TRACE</code>. Made by pyanalyze {visible(t.version)}: <code>{visible(t.made_by)}</code></footer>
    </>
  );
}
