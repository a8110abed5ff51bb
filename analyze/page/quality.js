// SPDX-License-Identifier: MIT
//
// quality - what stands out of how the recording itself went, and of threads that did nothing. No DOM.
//
// The numbers are those of pyanalyze info, and so are the words for them. The form is that of findings.js.
import { by_thread } from "./data.js";
import { ALL_CLASSES, BLOCKED } from "./read.js";
import { count, percent, seconds, thread_kind, visible } from "./text.js";

const MISSED = 0.01, UNATTRIBUTED = 0.05, FAILED = 0.001, POOL = 4, IDLE = 0.95;

const list = (trace, name) => (Array.isArray(trace.parts.info?.[name]) ? trace.parts.info[name] : []);
const total = (rows, name) => rows.reduce((a, row) => a + (typeof row[name] === "number" ? row[name] : 0), 0);

export function quality_findings(trace) {
  const out = [], quality = list(trace, "quality"), books = list(trace, "books");
  const due = total(quality, "ticks_due"), missed = total(quality, "ticks_missed");
  if (missed > MISSED * due)
    out.push({ text: `${count(missed)} of ${count(due)} ticks were missed, ${percent(due ? missed / due : 1)}: the sampler woke too late for them`, why: "more than 1 % of those due; what is counted for them is the sample after them", tab: "info" });
  const clocks = total(books, "thread_clocks"), unattributed = total(books, "unattributed");
  if (unattributed > UNATTRIBUTED * clocks)
    out.push({ text: `${seconds(unattributed * 1e9)} of ${seconds(clocks * 1e9)} of the CPU of Python threads is unattributed, ${percent(clocks ? unattributed / clocks : 1)}: used after a thread's last sample`, why: "more than 5 %; no place has it", metric: "cpu", tab: "info" });
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
