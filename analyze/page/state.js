// SPDX-License-Identifier: MIT
//
// state - what is chosen, once, for all parts of the page; and in the address, so that a link is a state.
import { computed, effect, signal } from "@preact/signals";
import { KEYS, METRICS, sum } from "./data.js";
import { scope_names, scopes_of } from "./scopes.js";
import { span_of, span_text } from "./text.js";
import { versus } from "./versus.js";
import { ALL_CLASSES } from "./read.js";

export const trace = signal(null);
export const range = signal(null); // { from, to } in ns; null: all
export const other = signal(null); // a second range to compare it with
export const shown = signal(null); // what of the time the timeline shows
export const threads = signal(null); // a Set of indices; null: all
export const classes = signal(ALL_CLASSES); // a mask of states
export const phase = signal(null); // { name, value }: only what is in such a phase; of any detail where value is undefined
export const label = signal(null); // likewise, key and value
export const task = signal(null); // a name
export const metric = signal("cpu");
export const view = signal("flame"); // flame, icicle, inverted, order
export const table = signal("functions");
export const full = signal(false); // every frame of a stack is a box
export const root = signal(0); // box that the flame graph is zoomed to
export const callers = signal(null); // function whose callers are shown
export const picked = signal(-1); // function
export const find = signal("");
export const tab = signal("source");
export const help = signal(false);
export const theme = signal(""); // dark, light; else the system's
export const side = signal("b"); // of a comparison: whose widths boxes have
export const cumulative = signal(false); // of a diff: rows are counted with what they called

// Tables of a page of a diff, and what diff calls their rows.
export const TABLES = { functions: "function", lines: "line", files: "file", threads: "thread" };

export const wanted = computed(() => ({ phase: phase.value, label: label.value, task: task.value }));
const scopes = computed(() => (trace.value && trace.value.kind !== "diff" ? scopes_of(trace.value, wanted.value) : null));
export const choice = computed(() => ({ range: range.value, threads: threads.value, classes: classes.value, scopes: scopes.value }));
export const weights = computed(() => (trace.value && trace.value.kind !== "diff" ? sum(trace.value, choice.value, metric.value) : null));

// What differs between the range and the other one; of a page that was thinned that cannot be told.
export const compared = computed(() => (other.value && !trace.value.thin ? versus(trace.value, choice.value, other.value, metric.value, table.value) : null));

export function reset() {
  range.value = other.value = threads.value = callers.value = phase.value = label.value = task.value = null;
  classes.value = ALL_CLASSES;
  root.value = 0;
}

// A weight in words: ticks of processes with different intervals are weighed by the first one's.
export const weight_ns = w => (metric.value === "cpu" ? w : w * (trace.value.processes[0]?.interval_ns ?? 1));

const FIELDS = {
  m: [metric, text => Object.hasOwn(METRICS, text), "cpu"],
  v: [view, text => ["flame", "icicle", "inverted", "order"].includes(text), "flame"],
  b: [table, text => Object.hasOwn(trace.value.kind === "diff" ? TABLES : KEYS, text), "functions"],
  w: [side, text => text === "a" || text === "b", "b"],
  q: [find, () => true, ""],
  x: [tab, () => true, "source"],
  a: [full, text => text === "true", false],
  c: [cumulative, text => text === "true", false],
  d: [theme, text => text === "dark" || text === "light", ""],
};

const PAIRS = [["p", phase, "phases"], ["l", label, "labels"]];

function write_hash() {
  const out = new URLSearchParams(), t = trace.value;
  if (range.value) out.set("t", span_text(range.value));
  if (other.value) out.set("t2", span_text(other.value));
  if (threads.value) out.set("th", [...threads.value].join(" "));
  if (classes.value !== ALL_CLASSES) out.set("s", classes.value);
  for (const [key, field] of PAIRS) if (field.value) for (const text of [field.value.name, field.value.value]) if (text !== undefined) out.append(key, text);
  if (task.value !== null) out.set("k", task.value);
  if (picked.value >= 0) out.set("f", picked.value);
  for (const [key, [field, , usual]] of Object.entries(FIELDS)) if (field.value !== usual) out.set(key, field.value);
  const hash = out.toString();
  if (t && location.hash.slice(1) !== hash && location.protocol !== "about:") // a notebook's frame has no address
    history.replaceState(null, "", hash ? "#" + hash : location.pathname + location.search);
}

export function read_hash() {
  const t = trace.value, hash = new URLSearchParams(location.hash.slice(1));
  const fn = Number(hash.get("f") ?? -1);
  picked.value = t.functions[fn] ? fn : -1;
  for (const [key, [field, is, usual]] of Object.entries(FIELDS)) field.value = hash.has(key) && is(hash.get(key)) ? (typeof usual === "boolean" ? true : hash.get(key)) : usual;
  if (t.kind === "diff") return;
  for (const [key, field] of [["t", range], ["t2", other]]) field.value = span_of(hash.get(key) || "");
  const list = (hash.get("th") || "").split(" ").filter(Boolean).map(Number).filter(i => t.threads[i]);
  threads.value = list.length ? new Set(list) : null;
  classes.value = Number(hash.get("s")) & ALL_CLASSES || ALL_CLASSES;
  const names = scope_names(t);
  for (const [key, field, list] of PAIRS) {
    const [name, value] = hash.getAll(key);
    field.value = names[list].some(one => (Array.isArray(one) ? one[0] : one) === name) ? { name, value } : null;
  }
  task.value = names.tasks.includes(hash.get("k")) ? hash.get("k") : null;
}

export function follow_hash() {
  read_hash();
  effect(write_hash);
  effect(() => {
    if (theme.value) document.documentElement.dataset.theme = theme.value;
    else delete document.documentElement.dataset.theme;
  });
  addEventListener("hashchange", read_hash);
}
