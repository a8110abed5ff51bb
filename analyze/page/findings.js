// SPDX-License-Identifier: MIT
//
// findings - what stands out, in sentences with their numbers and what to look at. No DOM.
//
// Each has a threshold, said in `why`; nothing is advice. Links: a range, threads, a metric, a function.
import { by_thread, each_run, gil, rows, row_name, share_error, sum } from "./data.js";
import { damage_findings, quality_findings } from "./quality.js";
import { ALL_CLASSES, CLASSES, DRAWN, KERNEL, ON_CPU, READY, STOPS_WORLD, WAITS_GIL, WAITS_OBJECT, WAITS_WORLD } from "./read.js";
import { percent, seconds, visible } from "./text.js";

const thread_name = (trace, i) => visible(trace.threads[i].name);

const part_of = (trace, name) => (Array.isArray(trace.parts.stalls?.[name]) ? trace.parts.stalls[name] : []);

export function stall_list(trace) {
  return part_of(trace, "stalls").filter(s => typeof s.start === "number" && typeof s.duration === "number").map(s => {
    const thread = trace.threads.find(th => th.tid === s.thread_id && trace.processes[th.process].pid === s.process) || trace.threads.find(th => th.name === s.thread);
    return { from: s.start * 1e9, to: (s.start + s.duration) * 1e9, ns: s.duration * 1e9, thread, stall: s };
  });
}

// Is it one piece of work for sure?
const is_sure = s => s.pieces !== "may be several";

// Of builds without a GIL these stand in place of a call.
const HALT_DOING = { waits_world: "waiting until the world goes on", waits_object: "waiting for an object's lock", stops_world: "stopping the world" };
const in_call = call => (call ? " " + (HALT_DOING[call] || "in " + visible(call)) : "");

// Why a stall was one, in the words of pyanalyze stalls.
const at_place = row => (row.function ? `${visible(row.function)}${row.file ? ` (${visible(String(row.file).replace(/^.*\//, ""))}:${row.line})` : ""}` : "");
const amount = s => (typeof s === "number" ? seconds(s * 1e9) : "not known how long");
export const stall_why = s => (is_sure(s) ? "" : "one piece of work, or several in a row: ") + why_of(s);

function why_of(s) {
  const where = at_place(s), of = where ? " in " + where : "", holder = Array.isArray(s.gil) ? s.gil[0] : null;
  if (s.cause === "gil") return `waited ${amount(s.gil_wait)} for the GIL` + (holder ? `, held most by ${visible(holder.other)}${holder.function ? " in " + at_place(holder) : ""}` : "");
  if (s.cause === "cpu") return `computed for ${amount(s.cpu_time)}${of}`;
  if (s.cause === "blocked") return `was blocked for ${amount(s.blocked)}${in_call(s.blocked_in)}${of}`;
  if (s.cause === "ready") return `was ready for ${amount(s.ready)} while no CPU was free${of}`;
  return `${visible(String(s.cause ?? "not known"))}${of}`;
}

// Every thread whose stalls were asked for, with its outcome, as pyanalyze stalls says it.
export const stall_threads = trace => part_of(trace, "threads");
export const in_doubt = trace => stall_threads(trace).filter(t => t.outcome === "cannot tell");

// Whom nobody asked about: no stall of others says nothing of those that may have done the work.
export function not_asked_words(trace) {
  const names = part_of(trace, "not_asked"), more = trace.parts.stalls?.not_asked_more ?? 0;
  return names.length === 0 ? null : `Threads not asked about: ${names.map(visible).join(", ")}${more > 0 ? ` and ${more} more` : ""}.`;
}

const times = n => (n === 1 ? "1 time" : n + " times");
function place_words(p, observed) {
  if (p.visits === 0) return `loop ${at_place(p)} (${visible(p.sure)})`;
  const at = `${visible(p.blocked_in)}${p.function ? " in " + at_place(p) : ""}: there ${times(p.visits)}, ${amount(p.seconds)} together`;
  if (p.taken_for === "idle") return `idle in ${at} (${visible(p.sure)})`;
  if (p.taken_for === "work") return `taken for work: ${at}; if it is idle there: ${visible(p.option)}`;
  return `blocked in ${at} of ${amount(observed)}; if idle: ${visible(p.option)}`;
}

// { head, lines }: found, none, or not to be told; and what was taken for idle, or may be it.
export function thread_words(t) {
  const who = `${visible(t.thread)} of process ${t.process}`, known = t.outcome !== "cannot tell";
  const head = known ? `${who}: ${t.stalls === 0 ? "no stall" : t.stalls === 1 ? "1 stall" : t.stalls + " stalls"} in ${amount(t.observed)}` : `${who}: cannot tell its stalls: ${visible(t.why)}`;
  const lines = (Array.isArray(t.places) ? t.places : []).map(p => place_words(p, t.observed));
  if (t.unsure > 0) lines.push(`not told: ${times(t.unsure)} of that length, ${amount(t.unsure_time)} together, in which it may have done one thing or many, one after the other`);
  if (known && t.not_known > 0) lines.push(`of ${amount(t.not_known)} it is not known what it did: it could not be looked at`);
  return { head, lines };
}

// What is to be said where nothing stands out.
export function nothing_words(trace) {
  if (!trace.threads.length) return "There is not one sample: what was recorded was over before the first tick, or could not be looked at.";
  const asked = stall_threads(trace).length > 0;
  const others = not_asked_words(trace);
  return `Nothing does: ${asked ? "no stall was found" : "no thread was looked at for stalls"}, and no thread waited much for the GIL or for a CPU.${others ? ` ${others}` : ""}`;
}

// Who waited for objects' locks, and until pauses were over, where there is no GIL.
function halt_findings(trace, all) {
  const out = [], per = new Float64Array(DRAWN * trace.threads.length), ns_of = halt => trace.threads.map(thread => per[thread.index * DRAWN + halt]);
  if (!trace.halts.some(Boolean)) return out;
  each_run(trace, {}, (thread, i, from, to) => { per[thread.index * DRAWN + trace.halts[thread.call[i]]] += (to - from) * trace.processes[thread.process].interval_ns; });
  const [world, object] = [WAITS_WORLD, WAITS_OBJECT].map(halt => ns_of(halt).reduce((a, b) => a + b, 0)), stops = ns_of(STOPS_WORLD), most = stops.indexOf(Math.max(...stops));
  if (world > 0.05 * all)
    out.push({ text: `threads waited ${seconds(world)} until the world went on, ${percent(world / all)} of their time` + (stops[most] ? `; most asked for by ${thread_name(trace, most)}, which stopped it for ${seconds(stops[most])}` : ""), why: "more than 5 % of the time of all threads: stop-the-world pauses, of the garbage collector for one", metric: "blocked" });
  if (object > 0.05 * all)
    out.push({ text: `threads waited ${seconds(object)} for objects' locks, ${percent(object / all)} of their time`, why: "more than 5 % of the time of all threads: a list, dict or other object that several of them use at once", metric: "blocked" });
  return out;
}

export function find_all(trace) {
  const out = damage_findings(trace), whole = { range: null, threads: null, classes: ALL_CLASSES };
  const ns = trace.processes.length ? trace.processes[0].interval_ns : 1;
  const per = by_thread(trace, whole), stalls = stall_list(trace);
  let all = 0, waited = 0, ready = 0;
  for (const thread of trace.threads) {
    const own = trace.processes[thread.process].interval_ns, ticks = per[thread.index].ticks;
    for (let k = 0; k < CLASSES; k++) all += ticks[k] * own;
    waited += ticks[WAITS_GIL] * own;
    ready += ticks[READY] * own;
  }
  if (stalls.length) {
    const sure = stalls.filter(s => is_sure(s.stall)), longest = (sure.length ? sure : stalls).reduce((a, b) => (b.ns > a.ns ? b : a)), together = stalls.reduce((a, b) => a + b.ns, 0);
    out.push({
      text: `${stalls.length === 1 ? "1 stall" : stalls.length + " stalls"}, ${seconds(together)} together; the longest ${seconds(longest.ns)} in ${visible(longest.stall.thread)}: ${stall_why(longest.stall)}`,
      why: "a thread did not come back to where it waits for work for 0.2 s or more (or --over)",
      range: { from: longest.from, to: longest.to }, threads: longest.thread ? [longest.thread.index] : null, metric: "wall", tab: "stalls",
    });
  }
  const doubts = in_doubt(trace);
  if (doubts.length) {
    const first = thread_words(doubts[0]), more = doubts.length > 1 ? `, nor of ${doubts.length - 1} more` : "";
    out.push({
      text: `${first.head}${more}${first.lines.length ? "; " + first.lines[0] : ""}`,
      why: "where a thread waits for work is learnt; that none is seen does not mean that nothing stalled", metric: "blocked", tab: "stalls",
    });
  }
  if (waited > 0.1 * all) {
    const pairs = [];
    gil(trace, whole).forEach((map, i) => map.forEach((w, who) => who >= 0 && pairs.push([w, i, who])));
    pairs.sort((a, b) => b[0] - a[0]);
    const top = pairs[0];
    out.push({
      text: `threads waited ${seconds(waited)} for the GIL, ${percent(waited / all)} of their time` + (top ? `; most: ${thread_name(trace, top[1])} for ${thread_name(trace, top[2])}, ${seconds(top[0])}` : ""),
      why: "more than 10 % of the time of all threads", metric: "gil_wait", tab: "gil",
    });
  }
  if (ready > 0.05 * all)
    out.push({ text: `threads were ready for ${seconds(ready)} while no CPU was free, ${percent(ready / all)} of their time`, why: "more than 5 % of the time of all threads: the machine was busy, with this or other programs", metric: "ready" });
  out.push(...halt_findings(trace, all));
  const cpu = sum(trace, whole, "cpu");
  const heavy = rows(trace, cpu.self, "lines").filter(r => r.id >= 0 && cpu.total && r.self / cpu.total > 0.2).sort((a, b) => b.self - a.self).slice(0, 2);
  for (const row of heavy) {
    const share = row.self / cpu.total, name = row_name(trace, "lines", row.id);
    const place = name.file ? ` (${visible(name.file.replace(/^.*\//, ""))}${name.line ? ":" + name.line : ""})` : "";
    out.push({
      text: `${percent(share)} ±${(100 * share_error(share, cpu.samples)).toFixed(1)} of the CPU in one ${name.line ? "line" : "function"}: ${visible(name.name)}${place}`,
      why: "more than 20 % of the CPU time of all threads", metric: "cpu", fn: trace.place_fn[trace.line_place[row.id]], tab: "source",
    });
  }
  const all_samples = sum(trace, whole, "wall"), cut = rows(trace, all_samples.self, "functions").find(r => r.id >= 0 && trace.functions[r.id][0] === "<truncated>" && r.cum > 0.001 * all_samples.total);
  if (cut)
    out.push({ text: `${percent(cut.cum / all_samples.total)} of the time is in stacks whose callers are cut off, <truncated>: there were too many to be kept`, why: "more than 0.1 %; record with a larger --max-depth", metric: "wall", fn: cut.id, tab: "source" });
  let collecting = 0;
  each_run(trace, { classes: 1 << ON_CPU | 1 << KERNEL }, (thread, i, from, to) => { if (thread.gc[i]) collecting += (to - from) * trace.processes[thread.process].interval_ns; });
  const busy = per.reduce((a, p, i) => a + (p.ticks[ON_CPU] + p.ticks[KERNEL]) * trace.processes[trace.threads[i].process].interval_ns, 0);
  if (collecting > 0.05 * busy && collecting > 10 * ns)
    out.push({ text: `garbage collection took ${seconds(collecting)}, ${percent(collecting / busy)} of the time on CPUs`, why: "more than 5 % of the time on CPUs", metric: "on_cpu" });
  return out.concat(quality_findings(trace));
}
