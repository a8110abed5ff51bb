// SPDX-License-Identifier: MIT
//
// scopes - what to choose phases, labels and tasks with, and tables by them.
import { useComputed, useSignal } from "@preact/signals";
import { STATES } from "./colors.js";
import { CLASSES } from "./read.js";
import { by_phase, by_task, has_scopes, left_out, NOT_KEPT, scope_names, unknown_ns } from "./scopes.js";
import { choice, label, phase, range, task, trace, wanted } from "./state.js";
import { percent, seconds, visible } from "./text.js";
import { Wide } from "./wide.jsx";

const ROWS = 200, CHOICES = 100, LONG = 60;
const short = text => { const shown = visible(text); return shown.length > LONG ? shown.slice(0, LONG / 2) + "…" + shown.slice(-LONG / 2) : shown; };
const pair_words = ({ name, value }) => (value === undefined ? short(name) : `${short(name)}=${short(value)}`);
const same = (a, b) => (a === null || b === null ? a === b : a.name === b.name && a.value === b.value);

// One of what there is; what was chosen elsewhere is there, too.
function Pick({ name, list, value, words, choose }) {
  const shown = list.slice(0, CHOICES), others = value !== null && !shown.some(one => same_value(one, value)) ? [value] : [], all = [...others, ...shown];
  if (!list.length) return null;
  return (
    <label class="only">{name} <select value={value === null ? "" : String(all.findIndex(one => same_value(one, value)))} onChange={e => choose(e.currentTarget.value === "" ? null : all[Number(e.currentTarget.value)])}>
      <option value="">all</option>
      {all.map((one, i) => <option key={i} value={String(i)}>{words(one)}</option>)}
      {list.length > shown.length && <option disabled>{list.length - shown.length} more: see the tables below</option>}
    </select></label>
  );
}
const same_value = (a, b) => (typeof a === "string" || typeof b === "string" ? a === b : same(a, b));

export function Scopes() {
  const t = trace.value;
  const unknown = useComputed(() => unknown_ns(t, choice.value));
  if (!has_scopes(t) && !t.by_name.length) return null;
  const names = scope_names(t), keys = [...new Set(names.labels.map(([key]) => key))];
  const labels = [...keys.filter(key => names.labels.filter(one => one[0] === key).length > 1).map(name => ({ name, value: undefined })), ...names.labels.filter(one => one[1] !== NOT_KEPT).map(([name, value]) => ({ name, value }))];
  return (
    <>
      <Pick name="phase" list={names.phases.map(name => ({ name, value: undefined }))} value={phase.value} words={pair_words} choose={one => { phase.value = one; }} />
      <Pick name="label" list={labels} value={label.value} words={one => (one.value === undefined ? `${short(one.name)}, any` : pair_words(one))} choose={one => { label.value = one; }} />
      <Pick name="task" list={names.tasks} value={task.value} words={short} choose={one => { task.value = one; }} />
      {unknown.value > 0 && <b class="warn">of {seconds(unknown.value)} it is not known: too many names</b>}
    </>
  );
}

const known = (value, words) => (value === undefined ? "?" : words(value));
const process_of = (t, process) => (process < 0 ? -1 - process : t.processes[process].pid);
const more = (rows, command) => rows.length > ROWS && <p class="soft">{rows.length - ROWS} more; <code>{command}</code> lists them all</p>;

export function Phases() {
  const t = trace.value, by = useSignal("name");
  const rows = useComputed(() => by_phase(t, choice.value, by.value, wanted.value).filter(row => row.n !== 0 || row.cpu_ns || row.ticks.some(n => n)));
  const list = rows.value.slice(0, ROWS), out = left_out(t), several = t.processes.length > 1, any_open = list.some(row => row.open), details = by.value !== "name";
  const choose = row => {
    const field = by.value === "label" ? label : phase, next = { name: row.name, value: details && row.value !== NOT_KEPT ? row.value : undefined };
    field.value = same(field.value, next) ? null : next;
  };
  const chosen = row => same(by.value === "label" ? label.value : phase.value, { name: row.name, value: details && row.value !== NOT_KEPT ? row.value : undefined });
  return (
    <div>
      <div class="pick" role="group" aria-label="rows">{[["name", "by name"], ["detail", "by name and detail"], ["label", "labels"]].map(([key, words]) => <button key={key} aria-pressed={by.value === key} onClick={() => { by.value = key; }}>{words}</button>)}</div>
      <Wide name="phases">
        <table class="rows"><caption>{range.value ? "that began in the chosen range, and what was done in them there" : "how often and how long, and what was done in them"}; click to choose one</caption>
          <thead><tr>{several && <th scope="col">process</th>}<th scope="col" class="name">{details && by.value === "label" ? "label" : "phase"}</th>{details && <th scope="col" class="name">{by.value === "label" ? "value" : "detail"}</th>}<th scope="col">count</th>{any_open && <th scope="col">open</th>}<th scope="col">total</th><th scope="col">mean</th><th scope="col">longest</th><th scope="col">CPU</th>{STATES.map(s => <th key={s.name} scope="col">{s.name}</th>)}</tr></thead>
          <tbody>{list.map((row, i) => {
            const ns = (t.processes[row.process] || { interval_ns: 0 }).interval_ns, ended = row.n - row.open;
            return (
              <tr key={i} class={chosen(row) ? "picked" : ""} onClick={() => choose(row)}>
                {several && <td>{process_of(t, row.process)}</td>}
                <td class="name"><button class="link" title={visible(row.name ?? "")}>{row.name === NOT_KEPT ? "not known" : short(row.name)}</button></td>
                {details && <td class="name" title={visible(row.value ?? "")}>{row.value === NOT_KEPT ? "not known: too many" : short(row.value)}</td>}
                <td>{known(row.n, String)}</td>{any_open && <td>{known(row.open, n => n || "")}</td>}<td>{known(row.total_ns, seconds)}</td><td>{row.n === undefined ? "?" : ended > 0 ? seconds(row.total_ns / ended) : ""}</td><td>{row.n === undefined ? "?" : ended > 0 ? seconds(row.longest_ns) : ""}</td>
                <td>{seconds(row.cpu_ns)}</td>{Array.from({ length: CLASSES }, (_, k) => <td key={k}>{row.ticks[k] ? seconds(row.ticks[k] * ns) : ""}</td>)}
              </tr>
            );
          })}</tbody>
        </table>
      </Wide>
      {list.some(row => row.n === undefined) && <p class="soft">?: this page has not all phases, so those of a part are not counted; <code>pyanalyze phases</code> counts them.</p>}
      {more(rows.value, "pyanalyze phases --by detail")}
      {out && <p class="soft">{out}.</p>}
    </div>
  );
}

export function Tasks() {
  const t = trace.value, rows = useComputed(() => by_task(t, choice.value)), list = rows.value.slice(0, ROWS), several = t.processes.length > 1;
  if (!list.length) return <p class="soft">No task of an event loop ran in what is chosen.</p>;
  return (
    <div>
      <Wide name="tasks">
        <table class="rows"><caption>what threads did in tasks of an event loop, in what is chosen; click to choose one</caption>
          <thead><tr><th scope="col" class="name">task</th><th scope="col" class="name">thread</th>{several && <th scope="col">process</th>}<th scope="col">seen</th><th scope="col">CPU</th>{STATES.map(s => <th key={s.name} scope="col">{s.name}</th>)}</tr></thead>
          <tbody>{list.map((row, i) => {
            const p = t.processes[row.thread.process], all = row.ticks.reduce((a, b) => a + b, 0), can = row.task !== NOT_KEPT && row.task !== "";
            return (
              <tr key={i} class={can && task.value === row.task ? "picked" : ""} onClick={() => { if (can) task.value = task.value === row.task ? null : row.task; }}>
                <td class="name">{can ? <button class="link" title={visible(row.task)}>{short(row.task)}</button> : row.task === "" ? "none" : "not known: too many"}</td><td class="name">{short(row.thread.name)}</td>{several && <td>{p.pid}</td>}<td>{seconds(all * p.interval_ns)}</td><td>{seconds(row.cpu_ns)}</td>
                {Array.from({ length: CLASSES }, (_, k) => <td key={k}>{all ? percent(row.ticks[k] / all) : ""}</td>)}
              </tr>
            );
          })}</tbody>
        </table>
      </Wide>
      {more(rows.value, "pyanalyze threads --tasks")}
    </div>
  );
}
