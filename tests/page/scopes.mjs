// SPDX-License-Identifier: MIT
// Phases, labels and tasks in the page against pyanalyze's: tables of the whole and of ranges, and what is
// summed up when one of them is chosen.
//
// usage: node scopes.mjs PYANALYZE DATA.JS TRACE PAGE.html [LEAST_ROWS [MARK..]]
//
// Ticks and counts are equal, times measured by the program to the digits of json, CPU to the 2 us that
// rounding may make of it.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [pyanalyze, data_js, trace_path, page_path, least = "1", ...marks] = process.argv.slice(2);
const load = name => import(pathToFileURL(data_js.replace(/data\.js$/, name)));
const data = await load("data.js"), scopes = await load("scopes.js"), { unpack } = await load("read.js");
const trace = await unpack(readFileSync(page_path, "utf8").match(/id="data">([^<]*)</)[1]);

let wrong = 0, compared = 0;
function check(is, what) {
  compared++;
  if (!is && wrong++ < 20) console.log("WRONG", what);
}
function ask(command, ...words) {
  try {
    return JSON.parse(execFileSync(pyanalyze, [command, ...words, "--format", "json", trace_path], { maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "pipe"] }));
  } catch (error) {
    if (error.stderr && /nothing|no samples|no sample is in/.test(error.stderr.toString())) return [];
    throw error;
  }
}
const CPU_UNIT = 0.000002, interval = Math.max(...trace.processes.map(p => p.interval_ns)) / 1e9;
const unobserved = Math.max(0, ...(trace.parts.info?.quality ?? []).map(q => q.unobserved || 0));
const near = (a, b, allowed, what) => check(Math.abs(a - b) <= allowed, `${what}: ${a}, pyanalyze ${b}`);
const range_words = range => (range ? ["--from", data.range_text(range.from), "--to", data.range_text(range.to)] : []);

// What is typed in a shell, as the words that the program gets.
function words_of(wanted) {
  return scopes.scope_words(wanted).map(word => (/^'.*'$/s.test(word) ? word.slice(1, -1).replaceAll("'\\''", "'") : word));
}

function compare_phases(range, wanted, by) {
  const choice = { range, scopes: scopes.scopes_of(trace, wanted) }, words = [...range_words(range), ...words_of(wanted)], where = `phases --by ${by} ${words.join(" ")}`;
  const key = (pid, name, value) => JSON.stringify([pid, name, value]), mine = new Map();
  for (const row of scopes.by_phase(trace, choice, by, wanted)) mine.set(key(row.process < 0 ? -1 - row.process : trace.processes[row.process].pid, row.name, row.value), row);
  const theirs = ask("phases", "--by", by, "--limit", "0", ...words);
  for (const row of theirs) {
    const k = key(row.process, row.phase, by === "name" ? "" : row.detail ?? ""), own = mine.get(k);
    if (!own) {
      check(row.ticks === 0 && row.count === 0, `${where}: ${k} is not in the page`);
      continue;
    }
    mine.delete(k);
    const ns = trace.processes[own.process]?.interval_ns / 1e9, ticks = own.ticks.reduce((a, b) => a + b, 0);
    check(own.n === row.count && own.open === (row.open ?? 0), `${where}: ${k}: ${own.n} (${own.open} open), pyanalyze ${row.count} (${row.open})`);
    near(own.total_ns / 1e9, row.total, 1e-8, `${where}: ${k}: total`);
    if (row.count > (row.open ?? 0)) {
      near(own.longest_ns / 1e9, row.longest_phase, 1e-8, `${where}: ${k}: longest`);
      near(own.longest_at_ns / 1e9, row.longest_at, 1e-8, `${where}: ${k}: when the longest was`);
      near(own.total_ns / (own.n - own.open) / 1e9, row.mean, 1e-8, `${where}: ${k}: mean`);
    }
    check(ticks === row.ticks, `${where}: ${k}: ${ticks} ticks, pyanalyze ${row.ticks}`);
    near(own.cpu_ns / 1e9, row.cpu_time, CPU_UNIT, `${where}: ${k}: CPU`);
    const late = interval * 2 + unobserved + 1e-3 * ticks * ns;
    near(own.ticks[2] * ns, row.gil_wait, late, `${where}: ${k}: waits for the GIL`);
    near(own.ticks[3] * ns, row.blocked, late, `${where}: ${k}: blocked`);
  }
  for (const [k, own] of mine) check(!own.n && !own.cpu_ns && !own.ticks.some(n => n), `${where}: ${k} is not in pyanalyze's table`);
  return theirs.length;
}

function compare_lines(range, wanted) {
  const choice = { range, scopes: scopes.scopes_of(trace, wanted) }, words = [...range_words(range), ...words_of(wanted)], where = `lines ${words.join(" ")}`;
  const sums = new Map(), add = (map, key, own, cpu) => { const at = map.get(key) || [0, 0]; map.set(key, [at[0] + own, at[1] + cpu]); }, key = (name, file, line) => [name, file, line || 0].join("|");
  for (const [metric, k] of [["wall", 0], ["cpu", 1]])
    for (const row of data.rows(trace, data.sum(trace, choice, metric).self, "lines")) {
      const { name, file, line } = data.row_name(trace, "lines", row.id);
      add(sums, key(name, file, line), k ? 0 : row.self, k ? row.self / 1e9 : 0);
    }
  const theirs = new Map();
  for (const row of ask("lines", "--merge-threads", "--limit", "0", ...words)) add(theirs, key(row.function, row.file, row.line), row.ticks, row.cpu_time);
  for (const k of new Set([...sums.keys(), ...theirs.keys()])) {
    const [ticks, cpu] = sums.get(k) || [0, 0], [ticks2, cpu2] = theirs.get(k) || [0, 0];
    check(ticks === ticks2, `${where}: ${k}: ${ticks} ticks, pyanalyze ${ticks2}`);
    near(cpu, cpu2, CPU_UNIT, `${where}: ${k}: CPU`);
  }
  return [...sums.values()].reduce((a, [n]) => a + n, 0);
}

// Who waited for the GIL in it, and for whom.
function compare_gil(wanted) {
  const mine = new Map(), theirs = new Map(), add = (map, k, v) => map.set(k, (map.get(k) || 0) + v);
  data.gil(trace, { scopes: scopes.scopes_of(trace, wanted) }).forEach((map, i) => map.forEach((ns, who) => add(mine, [trace.threads[i].tid, who < 0 ? null : trace.threads[who].tid].join("|"), ns / 1e9)));
  for (const process of ask("gil", ...words_of(wanted))) for (const pair of process.pairs) add(theirs, [pair.waiter_id, pair.holder_id].join("|"), pair.waited);
  for (const k of new Set([...mine.keys(), ...theirs.keys()])) near(mine.get(k) || 0, theirs.get(k) || 0, interval * 2 + unobserved + 1e-3 * (mine.get(k) || 0), `gil ${words_of(wanted).join(" ")}: ${k}`);
}

// What threads did in tasks: parts of them are called "THREAD: TASK".
function compare_tasks(range) {
  const mine = new Map(), theirs = new Map(), where = `threads --tasks ${range_words(range).join(" ")}`, any = new Set();
  for (const row of scopes.by_task(trace, { range })) {
    any.add(row.thread.tid);
    mine.set([row.thread.tid, row.task ? `${row.thread.name}: ${row.task}` : row.thread.name].join("|"), [row.ticks.reduce((a, b) => a + b, 0), row.cpu_ns / 1e9]);
  }
  for (const row of ask("threads", "--tasks", ...range_words(range))) if (row.kind === "python" && any.has(row.thread_id)) theirs.set([row.thread_id, row.thread].join("|"), [row.ticks, row.cpu_time - row.unattributed]);
  for (const k of new Set([...mine.keys(), ...theirs.keys()])) {
    const [ticks, cpu] = mine.get(k) || [0, 0], [ticks2, cpu2] = theirs.get(k) || [0, 0];
    check(ticks === ticks2, `${where}: ${k}: ${ticks} ticks, pyanalyze ${ticks2}`);
    near(cpu, cpu2, CPU_UNIT, `${where}: ${k}: CPU`);
  }
}

// A mark is in the page once, whatever is read how often to make it, and within what it marks.
check(trace.marks.length === trace.marks_all && (!marks.length || trace.marks.map(mark => mark[4]).join("\n") === marks.join("\n")), `marks ${trace.marks.map(mark => mark[4])}`);
check(trace.marks.every(([process, thread, at, n]) => n === 1 && trace.processes[process] && at >= trace.start_ns && at <= trace.end_ns && thread >= 0), "where marks are");
// Threads of a pool are one row, whoever gave them their names; without any process there is nothing to snap to.
const { thread_kind } = await load("text.js");
check(["pool-3", "pool_0", "Thread-12 (work)", "Thread-12", "x (2)"].map(thread_kind).join() === "pool,pool,Thread (work),Thread,x (2)", "kinds of threads");
check(data.snap_range({ processes: [] }, 3, 5).to === 5, "a range of nothing");
const names = scopes.scope_names(trace), nothing = { phase: null, label: null, task: null }, third = (trace.end_ns - trace.start_ns) / 3;
const ranges = [null, data.snap_range(trace, trace.start_ns + third, trace.end_ns - third)];
let rows = 0, chosen = 0;
const is_said = trace.said.length > 0 || trace.phases.length > 0;
for (const by of is_said ? ["name", "detail", "label"] : ["name"]) for (const range of is_said ? ranges : [null]) rows += compare_phases(range, nothing, by);
check(rows >= Number(least), `${rows} rows of phases`);
const details = trace.said.map((_, id) => scopes.said_of(trace, id));
const choices = [...names.phases.map(name => ({ ...nothing, phase: { name } })), ...details.map(({ label, name, value }) => ({ ...nothing, [label ? "label" : "phase"]: { name, value } })), ...names.tasks.map(task => ({ ...nothing, task })),
  ...details.filter(said => said.label).map(({ name }) => ({ ...nothing, label: { name } }))];
if (names.phases.length && names.tasks.length) choices.push({ ...nothing, phase: { name: names.phases[0] }, task: names.tasks[0] });
choices.slice(0, 30).forEach((wanted, i) => {
  chosen += compare_lines(ranges[i % 2], wanted) > 0;
  check(scopes.unknown_ns(trace, { scopes: scopes.scopes_of(trace, wanted) }) === 0, `${words_of(wanted).join(" ")}: something is not known`);
  if (i % 3 === 0) compare_gil(wanted);
  if (i % 2 && wanted.task === null) compare_phases(ranges[i % 4 > 1 ? 1 : 0], wanted, "detail");
});
check(chosen > 0 || Number(least) === 0, "nothing was in any phase");
for (const range of scopes.has_scopes(trace) ? ranges : [null]) compare_tasks(range);
for (const thread of trace.threads) {
  const { lanes, names: lane_names, bars } = scopes.lanes_of(trace, [thread]), open = new Map();
  check(bars.length === trace.phases.filter(phase => phase.thread === thread.index).length && lanes <= 4, `${thread.name}: ${bars.length} bars in ${lanes} lanes`);
  for (const { lane, phase } of lane_names ? [] : bars) {
    check(!(open.get(lane) > phase.from), `${thread.name}: bars lie on each other`);
    open.set(lane, phase.to);
  }
}
console.log(`${wrong === 0 ? "equal" : "DIFFERENT"}: ${compared} numbers of phases and tasks, ${wrong} wrong; ${rows} rows, ${choices.length} choices, ${trace.marks.length} marks`);
process.exit(wrong ? 1 : 0);
