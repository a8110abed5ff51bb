// SPDX-License-Identifier: MIT
//
// quality - what stands out of how the recording itself went, and of threads that did nothing. No DOM.
//
// The numbers are those of pyanalyze info, and so are the words for them. The form is that of findings.js.
import { by_thread } from "./data.js";
import { ALL_CLASSES, BLOCKED } from "./read.js";
import { count, percent, seconds, thread_kind, visible } from "./text.js";

const MISSED = 0.01, WORD = 0.02, REST = 0.1, UNATTRIBUTED = 0.05, FAILED = 0.001, POOL = 4, IDLE = 0.95;

const list = (trace, name) => (Array.isArray(trace.parts.info?.[name]) ? trace.parts.info[name] : []);
const total = (rows, name) => rows.reduce((a, row) => a + (typeof row[name] === "number" ? row[name] : 0), 0);

// What of the trace could not be read; before all else, as every number is without it.
export function damage_findings(trace) {
  const told = Array.isArray(trace.damages) ? trace.damages.map(visible) : [], n = told.length + (trace.more_damages || 0);
  if (!n) return [];
  return [{ text: `${n === 1 ? "1 part" : count(n) + " parts"} of what was recorded could not be read and ${n === 1 ? "is" : "are"} in no number here: ${told.join("; ")}${n > told.length ? "; .." : ""}`, why: "pyanalyze check tells all of it", tab: "info" }];
}

// CPU that the processes used and no row has, of pages of whole recordings: { text, why }, or null.
export function remainder(trace) {
  if (/ --(from|to|thread)\b/.test(String(trace.made_by))) return null;
  const books = list(trace, "books"), native = total(books, "native_threads"), unseen = total(books, "unseen");
  const known = row => ["thread_clocks", "native_threads", "unseen"].reduce((a, name) => a + (row[name] || 0), 0);
  const whole = books.reduce((a, row) => a + Math.max((row.os || 0) - (row.sampler || 0), known(row)), 0), rest = whole - books.reduce((a, row) => a + known(row), 0);
  if (!(native + unseen > WORD * whole || rest > REST * whole)) return null;
  const parts = [[native, "in threads that run no Python"], [unseen, "in threads that ended unseen"], [rest, "before the first look or after the last"]].filter(([s]) => s > WORD / 2 * whole);
  const missing = native + unseen + rest;
  return { text: `In no row: ${seconds(missing * 1e9)} of CPU, ${percent(missing / whole)} of what the ${books.length === 1 ? "process" : "processes"} used: ${parts.map(([s, where]) => `${seconds(s * 1e9)} ${where}`).join(", ")}`, why: "shares are of the rest" };
}

export function quality_findings(trace) {
  const out = [], quality = list(trace, "quality"), books = list(trace, "books");
  const due = total(quality, "ticks_due"), missed = total(quality, "ticks_missed");
  if (missed > MISSED * due)
    out.push({ text: `${count(missed)} of ${count(due)} ticks were missed, ${percent(due ? missed / due : 1)}: the sampler woke too late for them`, why: "more than 1 % of those due; what is counted for them is the sample after them", tab: "info" });
  const left = remainder(trace);
  if (left) out.push({ ...left, metric: "cpu", tab: "info" });
  const clocks = total(books, "thread_clocks"), unattributed = total(books, "unattributed");
  if (unattributed > UNATTRIBUTED * clocks)
    out.push({ text: `${seconds(unattributed * 1e9)} of ${seconds(clocks * 1e9)} of the CPU of Python threads is unattributed, ${percent(clocks ? unattributed / clocks : 1)}: used after a thread's last sample${trace.damages?.length ? ", or in what could not be read" : ""}`, why: "more than 5 %; no place has it", metric: "cpu", tab: "info" });
  const samples = total(quality, "samples"), reasons = [...new Set(quality.flatMap(Object.keys))].filter(name => name.startsWith("failed: ")).map(name => [name.slice(8), total(quality, name)]).filter(([, n]) => n > 0).sort((a, b) => b[1] - a[1]);
  const failed = reasons.reduce((a, [, n]) => a + n, 0);
  if (failed > FAILED * samples)
    out.push({ text: `${count(failed)} of ${samples ? `${count(samples)} stacks` : "an unknown number of stacks"} could not be read${samples ? ", " + percent(failed / samples) : ""}: ${reasons.map(([reason, n]) => `${visible(reason)} ${count(n)}`).join(", ")}`, why: "more than 0.1 % of samples; they are counted, but have no place", tab: "info" });
  return out.concat(pool_findings(trace));
}

// Threads that are called alike and were hardly ever found at work. Whether they had any is not known.
function pool_findings(trace) {
  const groups = new Map(), per = by_thread(trace, { range: null, threads: null, classes: ALL_CLASSES }), out = [];
  for (const thread of trace.threads) {
    const key = thread.process + "\0" + thread_kind(thread.name);
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(thread);
  }
  for (const threads of groups.values()) {
    const interval = trace.processes[threads[0].process].interval_ns;
    const seen = threads.map(thread => per[thread.index].ticks.reduce((a, b) => a + b, 0)), all = seen.reduce((a, b) => a + b, 0);
    const blocked = threads.reduce((a, thread) => a + per[thread.index].ticks[BLOCKED], 0);
    if (threads.length < POOL || !(all > 0) || !(blocked > IDLE * all)) continue;
    out.push({
      text: `${threads.length} threads ${visible(thread_kind(threads[0].name))}* were blocked or idle for ${percent(blocked / all)} of ${seconds(all * interval)}, their time together`,
      why: "4 threads or more that are called alike, more than 95 % of their time; whether there was work for them is not known", threads: threads.map(thread => thread.index), metric: "blocked", tab: "threads",
    });
  }
  return out;
}
