// SPDX-License-Identifier: MIT
//
// tabs - source, stalls, the GIL, threads, processes, and how well it was recorded.
import { useComputed } from "@preact/signals";
import { STATES } from "./colors.js";
import { by_thread, gil } from "./data.js";
import { in_doubt, not_asked_words, stall_threads, stall_why, thread_words } from "./findings.js";
import { CLASSES } from "./read.js";
import { has_scopes } from "./scopes.js";
import { Phases, Tasks } from "./scopes.jsx";
import { Source } from "./source.jsx";
import { choice, metric, range, shown, tab, threads, trace } from "./state.js";
import { clock, file_end, percent, seconds, visible } from "./text.js";
import { choose_range, time_span } from "./timeline.jsx";
import { Wide } from "./wide.jsx";

export function show_stall(stall) {
  const margin = Math.max(stall.ns, 1e8);
  shown.value = null;
  const { from, to } = time_span();
  if (stall.ns < (to - from) / 200) shown.value = { from: Math.max(from, stall.from - 20 * margin), to: Math.min(to, stall.to + 20 * margin) };
  choose_range(stall.from, stall.to);
  threads.value = stall.thread ? new Set([stall.thread.index]) : null;
  metric.value = "wall";
  tab.value = "stalls";
}

const cell = value => (value === null || value === undefined ? "" : typeof value === "number" ? (Number.isInteger(value) ? String(value) : value.toFixed(3)) : visible(typeof value === "object" ? JSON.stringify(value) : value));

function Plain({ rows, caption, skip = [] }) {
  if (!Array.isArray(rows) || !rows.length) return <p class="soft">none</p>;
  const names = [...new Set(rows.flatMap(Object.keys))].filter(name => !skip.includes(name) && rows.some(r => r[name] !== null && !Array.isArray(r[name])));
  return (
    <Wide name={caption}>
      <table class="rows"><caption>{caption}</caption>
        <thead><tr>{names.map(n => <th key={n} scope="col" class={rows.some(r => typeof r[n] === "string") ? "name" : ""}>{n.replaceAll("_", " ")}</th>)}</tr></thead>
        <tbody>{rows.map((r, i) => <tr key={i}>{names.map(n => <td key={n} class={typeof r[n] === "string" ? "name" : ""}>{cell(r[n])}</td>)}</tr>)}</tbody>
      </table>
    </Wide>
  );
}

// What the tasks of its asyncio loop waited for.
function Awaits({ stall }) {
  const seen = { "in it": "after it had begun", before: "before it began", after: "after it had ended" }[stall.tasks_seen];
  const ready = stall.tasks_ready > 0 ? `, ${stall.tasks_ready} of them for nothing but the loop` : "";
  const names = ["task_name", "waits_for", "chain"].filter(n => stall.awaits.some(r => r[n]));
  return (
    <table class="rows facts"><caption>what {stall.tasks_suspended} task{stall.tasks_suspended === 1 ? "" : "s"} of its loop waited for{ready}, seen {seconds(stall.tasks_seen_off * 1e9)} {seen}</caption>
      <thead><tr><th scope="col">tasks</th>{names.map(n => <th key={n} scope="col" class="name">{n.replaceAll("_", " ")}</th>)}<th scope="col" class="name">where</th></tr></thead>
      <tbody>{stall.awaits.map((r, i) => <tr key={i}><td>{cell(r.tasks)}</td>{names.map(n => <td key={n} class="name">{cell(r[n])}</td>)}<td class="name"><i>{r.file ? `${visible(file_end(r.file))}:${r.line}` : ""}</i></td></tr>)}</tbody>
    </table>
  );
}

// What pyanalyze stalls tells of one: where the thread was, and what the others did.
function Stall({ stall }) {
  const list = (caption, rows, names) => Array.isArray(rows) && rows.length > 0 && (
    <table class="rows facts"><caption>{caption}</caption>
      <tbody>{rows.map((r, i) => <tr key={i}><td>{seconds(r.seconds * 1e9)}</td><td>{percent(r.part)}</td>{names.map(n => <td key={n} class="name">{cell(r[n])}</td>)}<td class="name">{"\u00a0".repeat(2 * (r.depth || 0)) + visible(r.function || "")} <i>{r.file ? `${visible(file_end(r.file))}:${r.line}` : ""}</i></td></tr>)}</tbody>
    </table>
  );
  const told = [stall.stack, stall.others, stall.gil, stall.world, stall.holders].some(rows => Array.isArray(rows) && rows.length > 0), second = ns => (ns + 1e-9).toFixed(3);
  return (
    <div class="stall">
      {!told && <p class="soft">Only of the longest stalls this page has where the thread was, and what the others did. In a terminal: <code>pyanalyze stalls --from {second(Math.max(0, stall.start - 0.01))}s --to {second(stall.start + stall.duration + 0.01)}s TRACE</code></p>}
      {stall.end && stall.end !== "came back" && <p>{visible(stall.end)}</p>}
      {stall.unobserved > 0 && <p>of {seconds(stall.unobserved * 1e9)} it is not known what the thread did: it could not be looked at</p>}
      {list("where it was", stall.stack, [])}
      {list("who held the GIL that it waited for", stall.gil, ["other"])}
      {list("who had stopped the world that it waited for", stall.world, ["other"])}
      {list("who likely held what it waited for, or ended the wait", stall.holders, ["other", "evidence"])}
      {list("what the other threads did meanwhile", stall.others, ["other", "doing"])}
      {Array.isArray(stall.awaits) && stall.awaits.length > 0 && <Awaits stall={stall} />}
    </div>
  );
}

// Of whom there are stalls, none, or where that cannot be told: and what was taken for idle.
const THREADS_TOLD = 20;
function Outcomes() {
  const all = stall_threads(trace.value), told = all.slice(0, THREADS_TOLD).map(thread_words);
  const others = not_asked_words(trace.value), how = <> <code>pyanalyze report --thread NAME</code> asks about one.</>;
  if (!all.length) return <p>No thread was looked at for stalls: only main threads are, and those chosen with --thread.{others && <> {others}{how}</>}</p>;
  return (
    <ul class="outcomes">
      {told.map((t, i) => <li key={i}>{t.head}{t.lines.length > 0 && <ul>{t.lines.map((line, k) => <li key={k} class="soft">{line}</li>)}</ul>}</li>)}
      {all.length > told.length && <li class="soft">{all.length - told.length} more; <code>pyanalyze stalls</code> lists them all</li>}
      {others && <li class="soft">{others}{how}</li>}
    </ul>
  );
}

// No stall is not the same as not knowing.
const how_many = stalls => (stalls.length === 0 && in_doubt(trace.value).length > 0 ? "?" : stalls.length);

function Stalls({ stalls }) {
  const t = trace.value;
  if (!stalls.length) return <Outcomes />;
  const chosen = s => range.value && Math.abs(range.value.from - s.from) < 1e8 && Math.abs(range.value.to - s.to) < 1e8;
  const open = stalls.find(chosen);
  return (
    <div>
      <Outcomes />
      <Wide name="stalls">
      <table class="rows"><caption>the longest first; click to see it above, and more of it below</caption>
        <thead><tr><th scope="col">at</th><th scope="col">lasted</th><th scope="col" class="name">thread</th><th scope="col" class="name">why</th></tr></thead>
        <tbody>
          {stalls.map((s, i) => (
            <tr key={i} class={chosen(s) ? "picked" : ""} onClick={() => show_stall(s)}>
              <td><button class="link" onClick={() => show_stall(s)}>{clock(t, s.from)}</button></td>
              <td>{seconds(s.ns)}</td>
              <td class="name">{visible(s.stall.thread)}</td>
              <td class="name">{stall_why(s.stall)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      </Wide>
      {open && <Stall stall={open.stall} />}
    </div>
  );
}

function Gil() {
  const t = trace.value;
  const square = useComputed(() => {
    const all = gil(t, choice.value), waited = all.map(m => [...m.values()].reduce((a, b) => a + b, 0)), held = new Map();
    for (const m of all) for (const [who, ns] of m) held.set(who, (held.get(who) || 0) + ns);
    const down = t.threads.map((_, i) => i).filter(i => waited[i] > 0).sort((a, b) => waited[b] - waited[a]).slice(0, 16);
    const across = [...held.keys()].sort((a, b) => held.get(b) - held.get(a)).slice(0, 12);
    return { all, waited, held, down, across, most: Math.max(1, ...down.flatMap(a => across.map(b => all[a].get(b) || 0))) };
  });
  const { all, waited, held, down, across, most } = square.value, name = i => (i < 0 ? "not known" : visible(t.threads[i].name));
  if (!down.length) return <p class="soft">Nobody waited for the GIL in what is chosen.</p>;
  return (
    <Wide name="who waited for whom">
      <table class="rows square"><caption>who waited (down) while who held it (across), in what is chosen</caption>
        <thead><tr><th scope="col">waited</th>{across.map(b => <th key={b} scope="col">{name(b)}</th>)}<th scope="col">all</th></tr></thead>
        <tbody>
          {down.map(a => <tr key={a}><th scope="row">{name(a)}</th>{across.map(b => { const ns = all[a].get(b) || 0; return <td key={b} class={ns ? "h" + Math.min(8, Math.ceil((ns / most) * 8)) : ""}>{ns ? seconds(ns) : ""}</td>; })}<td>{seconds(waited[a])}</td></tr>)}
          <tr><th scope="row">all</th>{across.map(b => <td key={b}>{seconds(held.get(b))}</td>)}<td>{seconds(waited.reduce((a, b) => a + b, 0))}</td></tr>
        </tbody>
      </table>
    </Wide>
  );
}

function Threads() {
  const t = trace.value, rows = useComputed(() => by_thread(t, { ...choice.value, threads: null }));
  const order = t.threads.map((_, i) => i).sort((a, b) => rows.value[b].cpu_ns - rows.value[a].cpu_ns);
  return (
    <Wide name="threads">
      <table class="rows"><caption>in the chosen range; click to choose a thread</caption>
        <thead><tr><th scope="col" class="name">thread</th><th scope="col">process</th><th scope="col">seen</th><th scope="col">CPU</th>{STATES.map(s => <th key={s.name} scope="col">{s.name}</th>)}</tr></thead>
        <tbody>{order.map(i => {
          const { ticks, cpu_ns } = rows.value[i], thread = t.threads[i], p = t.processes[thread.process], all = ticks.reduce((a, b) => a + b, 0);
          return (
            <tr key={i} class={threads.value && threads.value.has(i) ? "picked" : ""} onClick={() => { threads.value = threads.value && threads.value.size === 1 && threads.value.has(i) ? null : new Set([i]); }}>
              <td class="name"><button class="link">{visible(thread.name)}</button></td><td>{p.pid}</td><td>{seconds(all * p.interval_ns)}</td><td>{seconds(cpu_ns)}</td>
              {Array.from({ length: CLASSES }, (_, k) => <td key={k}>{all ? percent(ticks[k] / all) : ""}</td>)}
            </tr>
          );
        })}</tbody>
      </table>
    </Wide>
  );
}

function Info() {
  const info = trace.value.parts.info;
  if (!info || typeof info !== "object") return <p class="soft">not known</p>;
  const section = (name, value) => Array.isArray(value) ? <Plain key={name} rows={value} caption={name.replaceAll("_", " ")} /> : (
    <table key={name} class="rows facts"><caption>{name.replaceAll("_", " ")}</caption><tbody>{Object.entries(value).map(([k, v]) => <tr key={k}><th scope="row">{k.replaceAll("_", " ")}</th><td class="name">{cell(v)}</td></tr>)}</tbody></table>
  );
  return <div class="sections">{Object.entries(info).map(([name, value]) => (value && typeof value === "object" ? section(name, value) : null))}</div>;
}

export const TABS = { source: "Source", stalls: "Stalls", gil: "GIL", threads: "Threads", phases: "Phases", tasks: "Tasks", processes: "Processes", info: "How well it was recorded" };

export function Tabs({ stalls }) {
  const t = trace.value;
  const there = { phases: t.by_name.length > 0 || t.by_label.length > 0 || (has_scopes(t) && t.said.length > 0), tasks: has_scopes(t) && t.scopes.some(([task]) => task !== 0) };
  const names = Object.keys(TABS).filter(name => there[name] !== false);
  const at = names.includes(tab.value) ? tab.value : "source";
  const keys = e => {
    const step = e.key === "ArrowRight" ? 1 : e.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    tab.value = names[(names.indexOf(at) + step + names.length) % names.length];
    e.stopPropagation();
    document.getElementById("tab-" + tab.value)?.focus();
  };
  return (
    <section class="low" aria-label="details">
      <div role="tablist" aria-label="details" class="pick" onKeyDown={keys}>
        {names.map(name => <button key={name} id={"tab-" + name} role="tab" aria-selected={at === name} aria-controls="panel" tabIndex={at === name ? 0 : -1} onClick={() => { tab.value = name; }}>{TABS[name]}{name === "stalls" ? ` (${how_many(stalls)})` : ""}</button>)}
      </div>
      <div id="panel" role="tabpanel" aria-labelledby={"tab-" + at} tabIndex={0}>
        {at === "source" && <Source />}
        {at === "stalls" && <Stalls stalls={stalls} />}
        {at === "gil" && <Gil />}
        {at === "threads" && <Threads />}
        {at === "phases" && <Phases />}
        {at === "tasks" && <Tasks />}
        {at === "processes" && <Plain rows={trace.value.parts.processes} caption="of the whole recording" />}
        {at === "info" && <Info />}
      </div>
    </section>
  );
}
