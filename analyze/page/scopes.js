// SPDX-License-Identifier: MIT
//
// scopes - in which phases, with which labels and in which tasks it was: what is chosen of these, and sums
// by them. No DOM.
//
// On the line:  read -> [scopes] -> data, the page
//
// Always true:  a choice is what `pyanalyze --phase, --label, --task` choose (scope_words()), the tables are
//               `pyanalyze phases` and `threads --tasks` (report_scope.h). Where there was no room for a
//               name it is not known (UNKNOWN) whether a sample is one of those: it is not counted, and how
//               much that is, is said.
import { each_carry, each_run, run_cpu } from "./data.js";
import { CLASSES } from "./read.js";

const MORE = 1; // the scope of those there was no room for
const IN = 1, UNKNOWN = 2;
export const NOT_KEPT = null; // a detail, value or task there was no room for

export const has_scopes = trace => trace.scopes.length > 0;

// What stands for itself: { label, name, value }.
export const said_of = (trace, id) => (id < 0 ? { label: 0, name: NOT_KEPT, value: NOT_KEPT } : { label: trace.said[id][0], name: trace.texts[trace.said[id][1]], value: trace.said[id][2] < 0 ? NOT_KEPT : trace.texts[trace.said[id][2]] });
const task_of = (trace, scope) => { const task = trace.scopes[scope][0]; return task < 0 ? NOT_KEPT : task ? trace.texts[task - 1] : ""; };

const either = (wanted, value) => (wanted === undefined || wanted === value ? IN : value === NOT_KEPT ? UNKNOWN : 0);
function is_said(trace, members, label, { name, value }) {
  let best = 0;
  for (const id of members) {
    const said = said_of(trace, id);
    if (said.label !== label || said.name !== name) continue;
    const is = either(value, said.value);
    if (is === IN) return IN;
    best = best || is;
  }
  return best;
}

// Which scopes are chosen: an array of 0, 1 (IN) and 2 (UNKNOWN), or null: all. `phase` and `label` are
// { name, value }, of any value where that is undefined; `task` is a name; null: whatever.
export function scopes_of(trace, { phase = null, label = null, task = null }) {
  if (!has_scopes(trace) || (!phase && !label && task === null)) return null;
  return Uint8Array.from(trace.scopes, ([, ...members], scope) => {
    if (scope === MORE) return UNKNOWN;
    const all = [phase ? is_said(trace, members, 0, phase) : IN, label ? is_said(trace, members, 1, label) : IN, task !== null ? either(task, task_of(trace, scope)) : IN];
    return all.includes(0) ? 0 : all.includes(UNKNOWN) ? UNKNOWN : IN;
  });
}

// Of what is chosen otherwise, for how many ns it is not known whether it is in the scopes.
export function unknown_ns(trace, choice) {
  let ns = 0;
  if (!choice.scopes || !choice.scopes.includes(UNKNOWN)) return 0;
  const unknown = choice.scopes.map(is => (is === UNKNOWN ? IN : 0));
  each_run(trace, { ...choice, scopes: unknown }, (thread, i, from, to) => { ns += (to - from) * trace.processes[thread.process].interval_ns; });
  return ns;
}

// As --phase and --label take it: patterns are escaped, a shell's quotes are needed at most.
const quoted = text => (/^[\w@%+=:,./-]+$/.test(text) ? text : "'" + text.replaceAll("'", "'\\''") + "'");
const plain = text => text.replace(/[*?[\\]/g, "\\$&");
export function scope_words({ phase, label, task }) {
  const pair = ({ name, value }) => quoted(value === undefined ? plain(name) : `${plain(name)}=${plain(value)}`);
  return [...(phase ? ["--phase", pair(phase)] : []), ...(label ? ["--label", pair(label)] : []), ...(task !== null ? ["--task", quoted(plain(task))] : [])];
}

// What there is to choose from, names only: { phases, labels, tasks }, those with most time first.
export function scope_names(trace) {
  if (trace.scope_names) return trace.scope_names;
  const phases = new Map(), labels = new Map(), tasks = new Map(), add = (map, key, ns) => map.set(key, (map.get(key) || 0) + ns);
  const per = new Float64Array(trace.scopes.length);
  if (has_scopes(trace)) each_run(trace, {}, (thread, i, from, to) => { per[thread.scope[i]] += (to - from) * trace.processes[thread.process].interval_ns; });
  trace.scopes.forEach(([task, ...members], scope) => {
    if (scope <= MORE) return;
    if (task > 0) add(tasks, task_of(trace, scope), per[scope]);
    for (const name of new Set(members.filter(id => !trace.said[id][0]).map(id => said_of(trace, id).name))) add(phases, name, per[scope]);
    for (const id of members) if (trace.said[id][0]) add(labels, JSON.stringify([said_of(trace, id).name, said_of(trace, id).value]), per[scope]);
  });
  for (const [, , , , , , name] of trace.by_name) if (!phases.has(name)) phases.set(name, 0);
  const order = map => [...map].sort((a, b) => b[1] - a[1]).map(([key]) => key);
  return trace.scope_names = { phases: order(phases), labels: order(labels).map(JSON.parse), tasks: order(tasks) };
}

// ---- tables ----

const GROUPS = { name: "by_name", detail: "by_detail", label: "by_label" };
// Are all phases here, so that those of a range can be counted?
export const are_all = trace => trace.phases_all === trace.phases.length && trace.phases.every(p => p.said >= 0);

// What a phase, or one that it is in, is: what `pyanalyze phases` with --phase and --label has rows for.
function is_wanted(trace, wanted, phase) {
  const asked = [wanted.phase, wanted.label], has = [!asked[0], !asked[1]];
  for (let at = phase; at && !(has[0] && has[1]); at = trace.phases[at.up]) {
    const said = said_of(trace, at.said), ask = asked[said.label];
    if (ask && ask.name === said.name && (ask.value === undefined || ask.value === said.value)) has[said.label] = true;
  }
  return has[0] && has[1];
}

// Rows of phases: [{ process, name, value, n, open, total_ns, longest_ns, longest_at_ns, cpu_ns, ticks }];
// n and the times undefined where they are not known: of parts of a recording with more phases than are here.
// `by`: name, detail or label. `wanted` is what the choice's scopes were made of.
export function by_phase(trace, choice, by, wanted = {}) {
  const rows = new Map(), label = by === "label" ? 1 : 0, key_value = said => (by === "name" ? "" : said.value);
  const row = (process, name, value) => {
    const key = JSON.stringify([process, name, value]);
    if (!rows.has(key)) rows.set(key, { process, name, value, n: 0, open: 0, total_ns: 0, longest_ns: 0, longest_at_ns: 0, cpu_ns: 0, ticks: new Float64Array(CLASSES) });
    return rows.get(key);
  };
  const of_scope = trace.scopes.map(([, ...members], scope) => {
    const out = new Map();
    if (scope !== MORE) for (const id of members) if (trace.said[id][0] === label) { const said = said_of(trace, id); out.set(JSON.stringify([said.name, key_value(said)]), [said.name, key_value(said)]); }
    return [...out.values()];
  });
  const cells = new Map();
  const rows_of = thread => scope => {
    const key = thread.process * 4096 + scope;
    if (!cells.has(key)) cells.set(key, of_scope[scope].map(([name, value]) => row(thread.process, name, value)));
    return cells.get(key);
  };
  if (has_scopes(trace)) {
    each_run(trace, choice, (thread, i, from, to) => {
      const mine = rows_of(thread)(thread.scope[i]);
      if (!mine.length) return;
      const cpu = run_cpu(thread, i, from, to);
      for (const one of mine) {
        one.ticks[thread.cls[i]] += to - from;
        one.cpu_ns += cpu;
      }
    });
    each_carry(trace, choice, (thread, run, ns) => { for (const one of rows_of(thread)(thread.scope[run])) one.cpu_ns += ns; });
  }
  count(trace, choice, by, wanted, row);
  return [...rows.values()].sort((a, b) => (b.total_ns || 0) - (a.total_ns || 0) || b.cpu_ns - a.cpu_ns);
}

function count(trace, choice, by, wanted, row) {
  const part = choice.range || choice.threads || wanted.phase || wanted.label;
  if (part && !are_all(trace)) {
    for (const [process, , , , , , name, value] of trace[GROUPS[by]]) Object.assign(row(process, name, value), { n: undefined, open: undefined, total_ns: undefined, longest_ns: undefined, longest_at_ns: undefined });
    return;
  }
  if (!part) {
    for (const [process, n, open, total_ns, longest_ns, longest_at_ns, name, value] of trace[GROUPS[by]]) Object.assign(row(process, name, value), { n, open, total_ns, longest_ns, longest_at_ns });
    return;
  }
  const { range } = choice;
  for (const phase of trace.phases) {
    const said = said_of(trace, phase.said);
    if (said.label !== (by === "label" ? 1 : 0) || (range && !(phase.from >= range.from && phase.from < range.to))) continue;
    if ((choice.threads && !choice.threads.has(phase.thread)) || !is_wanted(trace, wanted, phase)) continue;
    const one = row(phase.process, said.name, by === "name" ? "" : said.value), ns = phase.to - phase.from;
    one.n++;
    if (phase.open) one.open++;
    else {
      one.total_ns += ns;
      if (ns >= one.longest_ns) Object.assign(one, { longest_ns: ns, longest_at_ns: phase.from });
    }
  }
}

// Per thread and task, of threads that ran any: [{ thread, task, cpu_ns, ticks }]; task "" is in none of them.
export function by_task(trace, choice) {
  const rows = new Map(), any = new Set(), row = (thread, scope) => {
    const task = scope === MORE ? NOT_KEPT : task_of(trace, scope), key = JSON.stringify([thread.index, task]);
    if (task !== "") any.add(thread.index);
    if (!rows.has(key)) rows.set(key, { thread, task, cpu_ns: 0, ticks: new Float64Array(CLASSES) });
    return rows.get(key);
  };
  if (!has_scopes(trace)) return [];
  each_run(trace, choice, (thread, i, from, to) => {
    const one = row(thread, thread.scope[i]);
    one.ticks[thread.cls[i]] += to - from;
    one.cpu_ns += run_cpu(thread, i, from, to);
  });
  each_carry(trace, choice, (thread, run, ns) => { row(thread, thread.scope[run]).cpu_ns += ns; });
  return [...rows.values()].filter(one => any.has(one.thread.index)).sort((a, b) => b.cpu_ns - a.cpu_ns);
}

// ---- lanes ----

const LANES = 4;
// Bars below a row of threads: { lanes, names, bars: [{ lane, phase }], more }. Those that overlap get lanes of
// their own; where these are too many there is a lane for each of the names with most time, and one for the others.
export function lanes_of(trace, threads) {
  const is = new Set(threads.map(thread => thread.index)), mine = trace.phases.filter(phase => is.has(phase.thread)), ends = [], bars = [];
  for (const phase of mine) {
    let lane = ends.findIndex(end => end <= phase.from);
    if (lane < 0) lane = ends.length;
    if (lane >= LANES) break;
    ends[lane] = phase.to;
    bars.push({ lane, phase });
  }
  if (bars.length === mine.length) return { lanes: ends.length, names: null, bars };
  const sums = new Map(), name_of = phase => said_of(trace, phase.said).name;
  for (const phase of mine) sums.set(name_of(phase), (sums.get(name_of(phase)) || 0) + phase.to - phase.from);
  const order = [...sums].sort((a, b) => b[1] - a[1]).map(([name]) => name), names = order.slice(0, order.length > LANES ? LANES - 1 : LANES);
  const lane_of = phase => { const lane = names.indexOf(name_of(phase)); return lane < 0 ? names.length : lane; };
  return { lanes: Math.min(LANES, order.length), names: order.length > LANES ? [...names, `${order.length - names.length} other names`] : names, bars: mine.map(phase => ({ lane: lane_of(phase), phase })) };
}

// What is not drawn, in words; "" = everything is.
export function left_out(trace) {
  const out = [];
  if (trace.phases_all > trace.phases.length) out.push(`${trace.phases_all - trace.phases.length} phases and labels of ${(trace.phases_shortest_ns / 1e6).toPrecision(3)} ms and less are not drawn`);
  if (trace.marks_all > trace.marks.length) out.push(`${trace.marks_all - trace.marks.length} marks are not drawn: they stand close behind others`);
  if (trace.phases_lost > 0) out.push(`${trace.phases_lost} phases, labels and marks could not be recorded`);
  return out.join("; ");
}

