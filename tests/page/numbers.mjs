// SPDX-License-Identifier: MIT
// The page's sums against pyanalyze's tables, of the whole recording and of random ranges.
//
// usage: node numbers.mjs PYANALYZE DATA.JS TRACE PAGE.html [RANGES [SEED]]
//
// Ticks are equal, CPU to the 2 us that rounding may make of it.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [pyanalyze, data_js, trace_path, page_path, n_ranges = "20", seed = "1"] = process.argv.slice(2);
const data = await import(pathToFileURL(data_js));
const page = readFileSync(page_path, "utf8");
const { unpack } = await import(pathToFileURL(data_js.replace(/data\.js$/, "read.js")));
const { is_native, span_of, span_text } = await import(pathToFileURL(data_js.replace(/data\.js$/, "text.js")));
const trace = await unpack(page.match(/id="data">([^<]*)</)[1]);

let state = Number(seed) >>> 0;
const random = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
let wrong = 0, compared = 0;
function check(is, what) {
  compared++;
  if (!is && wrong++ < 20) console.log("WRONG", what);
}

function ask(...words) {
  try {
    const out = execFileSync(pyanalyze, [...words, "--format", "json", trace_path], { maxBuffer: 1 << 28, stdio: ["ignore", "pipe", "pipe"] });
    return JSON.parse(out);
  } catch (error) {
    // nothing in that range: a table without rows
    if (error.stderr && /nothing|no samples/.test(error.stderr.toString())) return [];
    throw error;
  }
}

const CPU_UNIT = 0.000002;

// The page has the C frames that it was made with; tables of lines have none unless they are asked for.
const native = trace.functions.some(is_native) ? ["--native", "all"] : [];
if (page_path.includes("native")) check(native.length > 0 && trace.functions.some(fn => !is_native(fn)), "no C frames, or nothing else");

function compare_table(command, range) {
  const words = range ? ["--from", data.range_text(range.from), "--to", data.range_text(range.to)] : [];
  const theirs = ask(command, "--merge-threads", "--limit", "0", ...native, ...words);
  const choice = { range };
  const ours = new Map();
  const name = row => [row.name, row.file, row.line || 0].join("|");
  for (const metric of ["wall", "cpu"]) {
    const { self } = data.sum(trace, choice, metric);
    for (const row of data.rows(trace, self, command)) {
      const key = name(data.row_name(trace, command, row.id));
      const entry = ours.get(key) || { wall: { self: 0, cum: 0 }, cpu: { self: 0, cum: 0 } };
      entry[metric].self += row.self;
      entry[metric].cum += row.cum;
      ours.set(key, entry);
    }
  }
  const seen = new Set();
  const where = `${command} ${range ? words.join(" ") : "whole"}`;
  // rows that cannot be told apart by what json says of them are added up, in both
  const rows = new Map();
  for (const row of theirs) {
    const key = name({ name: command === "files" ? row.file || row.function : command === "modules" ? row.module ?? row.function : row.function, file: row.file, line: row.line });
    const sum = rows.get(key) || { ticks: 0, ticks_cum: 0, cpu_time: 0, cpu_time_cum: 0 };
    for (const column of Object.keys(sum)) sum[column] += row[column];
    rows.set(key, sum);
  }
  for (const [key, row] of rows) {
    const entry = ours.get(key);
    seen.add(key);
    if (!entry) {
      check(row.ticks === 0 && row.ticks_cum === 0 && row.cpu_time_cum < CPU_UNIT, `${where}: ${key} is not in the page (${row.ticks} ticks)`);
      continue;
    }
    check(entry.wall.self === row.ticks, `${where}: ${key}: ticks ${entry.wall.self}, pyanalyze ${row.ticks}`);
    check(entry.wall.cum === row.ticks_cum, `${where}: ${key}: ticks_cum ${entry.wall.cum}, pyanalyze ${row.ticks_cum}`);
    const allowed = CPU_UNIT;
    check(Math.abs(entry.cpu.self / 1e9 - row.cpu_time) <= allowed, `${where}: ${key}: cpu ${entry.cpu.self / 1e9}, pyanalyze ${row.cpu_time}`);
    check(Math.abs(entry.cpu.cum / 1e9 - row.cpu_time_cum) <= allowed, `${where}: ${key}: cpu_cum ${entry.cpu.cum / 1e9}, pyanalyze ${row.cpu_time_cum}`);
  }
  for (const [key, entry] of ours) check(seen.has(key) || (!entry.wall.cum && !(entry.cpu.cum > 1000)), `${where}: ${key} is not in pyanalyze's table`);
}

// What it says of threads and of who waited for whom: seconds in json have so many digits.
// Their seconds go by when a tick was, which may be late, ours by when it was due: ends differ by so much.
const longest = Math.max(...trace.processes.map(p => p.interval_ns), 0) / 1e9;
// And theirs leave out what was not observed, where the page has whole intervals.
const unobserved = Math.max(0, ...(trace.parts.info?.quality ?? []).map(q => q.unobserved || 0));
const close = (a, b, what) => check(Math.abs(a - b) <= CPU_UNIT + longest + unobserved, `${what}: ${a}, pyanalyze ${b}`);
const range_words = range => (range ? ["--from", data.range_text(range.from), "--to", data.range_text(range.to)] : []);
function compare_threads(range) {
  const ours = data.by_thread(trace, { range }), where = `threads ${range ? range_words(range).join(" ") : "whole"}`;
  const key = (pid, tid, name) => [pid, tid, name].join("|"), sums = new Map();
  // threads of one number and name, one after the other, are added up in both
  const add = (k, list) => sums.set(k, list.map((v, i) => v + (sums.get(k)?.[i] || 0)));
  for (const row of ask("threads", ...range_words(range)))
    if (row.kind === "python") add(key(row.process, row.thread_id, row.thread), [row.ticks, row.cpu_time - row.unattributed, row.on_cpu, row.ready, row.gil_wait, row.blocked, row.unknown]);
  const theirs = new Map(sums);
  sums.clear();
  for (const thread of trace.threads) {
    const { ticks, cpu_ns } = ours[thread.index], process = trace.processes[thread.process];
    add(key(process.pid, thread.tid, thread.name), [ticks.reduce((a, b) => a + b, 0), cpu_ns / 1e9, ...[ticks[0] + ticks[5], ...ticks.slice(1, 5)] /* on a CPU, in the kernel or not */.map(n => (n * process.interval_ns) / 1e9)]);
  }
  for (const [k, mine] of sums) {
    const other = theirs.get(k) || mine.map(() => 0);
    check(mine[0] === other[0], `${where}: ${k}: ${mine[0]} ticks, pyanalyze ${other[0]}`);
    check(Math.abs(mine[1] - other[1]) <= CPU_UNIT, `${where}: ${k}: cpu ${mine[1]}, pyanalyze ${other[1]}`); // what has a sample
    mine.forEach((v, i) => i > 1 && close(v, other[i], `${where}: ${k}, column ${i}`));
  }
  for (const k of theirs.keys()) check(sums.has(k), `${where}: ${k} is not in the page`);
}
function compare_gil(range) {
  const where = `gil ${range ? range_words(range).join(" ") : "whole"}`, ours = data.gil(trace, { range }), pairs = new Map();
  ours.forEach((map, i) => check(!map.has(i), `${where}: ${trace.threads[i].name} waits for itself`));
  const add = (map, k, v) => map.set(k, (map.get(k) || 0) + v);
  ours.forEach((map, i) => {
    const process = trace.processes[trace.threads[i].process];
    map.forEach((ns, who) => add(pairs, [process.pid, trace.threads[i].tid, who < 0 ? null : trace.threads[who].tid].join("|"), ns / 1e9));
  });
  const theirs = new Map();
  for (const process of ask("gil", ...range_words(range))) for (const pair of process.pairs) add(theirs, [process.process, pair.waiter_id, pair.holder_id].join("|"), pair.waited);
  for (const k of new Set([...pairs.keys(), ...theirs.keys()])) close(pairs.get(k) || 0, theirs.get(k) || 0, `${where}: ${k}`);
}
for (const command of ["functions", "lines", "files", "modules"]) compare_table(command, null);
compare_threads(null);
compare_gil(null);
for (let i = 0; i < Number(n_ranges); i++) {
  const length = (trace.end_ns - trace.start_ns) * 10 ** (-2.5 * random());
  const from = trace.start_ns + (trace.end_ns - trace.start_ns - length) * random();
  const range = data.snap_range(trace, from, from + length, trace.processes[Math.floor(random() * trace.processes.length)]);
  if (!(range.to > range.from)) continue;
  compare_table(i % 2 ? "lines" : "functions", range);
  (i % 2 ? compare_gil : compare_threads)(range);
}
// Two ranges beside each other: the first and the last third, per second, as the table of each.
{
  const part = (trace.end_ns - trace.start_ns) / 3, cut = at => data.snap_range(trace, trace.start_ns + at * part, trace.start_ns + (at + 1) * part);
  const ranges = [cut(0), cut(2)], tables = ranges.map(range => (range.to > range.from ? ask("functions", "--merge-threads", "--limit", "0", ...range_words(range)) : []));
  const compared = ranges.every(range => range.to > range.from) ? data.compare(trace, { range: ranges[0] }, ranges[1], "wall", "functions") : [];
  const unit = trace.processes[0]?.interval_ns / 1e9, sums = [new Map(), new Map()], mine = [new Map(), new Map()];
  const key = (name, file, line) => [name, file, line || 0].join("|"), add = (map, k, v) => map.set(k, (map.get(k) || 0) + v);
  tables.forEach((rows, i) => rows.forEach(row => add(sums[i], key(row.function, row.file, row.line), row.ticks * unit / ((ranges[i].to - ranges[i].from) / 1e9))));
  for (const row of compared) {
    const { name, file, line } = data.row_name(trace, "functions", row.id);
    add(mine[0], key(name, file, line), row.a);
    add(mine[1], key(name, file, line), row.b);
    check(Math.abs(row.b - row.a - row.difference) < 1e-12 && row.margin >= 0, `A and B: ${name}`);
  }
  for (const i of [0, 1]) for (const [k, v] of compared.length ? sums[i] : []) check(Math.abs((mine[i].get(k) || 0) - v) < 1e-9, `${"AB"[i]}: ${k}: ${mine[i].get(k)}, pyanalyze ${v}`);
  const same = data.compare(trace, { range: ranges[0] }, ranges[0], "cpu", "lines");
  check(same.every(row => row.difference === 0), "a range differs from itself");
}
// Of stalls it says what pyanalyze says: how many, none, or that it cannot tell and what to type.
{
  const { find_all, in_doubt, not_asked_words, stall_list, stall_threads, thread_words } = await import(pathToFileURL(data_js.replace(/data\.js$/, "findings.js")));
  const { visible } = await import(pathToFileURL(data_js.replace(/data\.js$/, "text.js")));
  const theirs = ask("stalls"), found = find_all(trace), told = theirs.threads || [], words = stall_threads(trace).map(thread_words);
  check(stall_list(trace).length === (theirs.stalls || []).length, `${stall_list(trace).length} stalls`);
  check(words.length === told.length, `${words.length} threads that may stall`);
  const others = not_asked_words(trace), more = theirs.not_asked_more;
  check(theirs.not_asked?.length > 0 ? others.includes(`: ${theirs.not_asked.map(visible).join(", ")}${more > 0 ? ` and ${more} more` : ""}.`) : others === null, `not asked: ${others}`);
  told.forEach((t, i) => {
    const { head, lines } = words[i] || { head: "", lines: [] }, doubt = /cannot tell/.test(head);
    check(doubt === (t.outcome === "cannot tell") && /no stall in/.test(head) === (t.outcome === "none"), `${t.outcome}: ${head}`);
    check(lines.length >= t.places.length && !/undefined|NaN|null/.test(head + lines), `${t.thread}: ${lines}`);
    t.places.forEach((p, k) => check(p.taken_for === "idle" ? lines[k].includes(visible(p.sure)) : lines[k].includes(visible(p.option)), `${t.thread}: ${lines[k]}`));
  });
  // Whoever collects garbage while no CPU is free, or where nobody looked, uses no CPU.
  const were = trace.threads.map(thread => thread.gc), busy = data.by_thread(trace, {}).reduce((a, p) => a + p.ticks[0] + p.ticks[5], 0);
  trace.threads.forEach(thread => { thread.gc = new Uint8Array(thread.gc.length).fill(1); });
  const collects = find_all(trace).find(f => f.text.startsWith("garbage"))?.text ?? "";
  check(collects.includes(" 100.0 % of the time on CPUs") === busy > 10, `garbage: ${collects}, on CPUs ${busy} intervals`);
  trace.threads.forEach((thread, i) => { thread.gc = were[i]; });
  check(found.some(f => /cannot tell/.test(f.text)) === in_doubt(trace).length > 0, "what cannot be told stands out");
}
// What is drawn of the states of a build without a GIL is what --state says, and what there is much of stands out.
{
  const { DRAWN } = await import(pathToFileURL(data_js.replace(/data\.js$/, "read.js")));
  const { find_all } = await import(pathToFileURL(data_js.replace(/data\.js$/, "findings.js"))), words = find_all(trace).map(f => f.text).join("\n");
  const span = { from: trace.start_ns, to: trace.end_ns }, halts = ["waits_world", "waits_object", "stops_world"], some = /halts|held_up/.test(page_path);
  const drawn = trace.threads.map(thread => data.strip(trace, thread, span, 1).map(share => share * (span.to - span.from) / 1e9));
  halts.forEach((name, i) => {
    const mine = drawn.reduce((a, one) => a + one[DRAWN - halts.length + i], 0), theirs = ask("threads", "--state", name).reduce((a, row) => a + row.wall, 0);
    close(mine, theirs, name);
    check(mine > 0 === some, `${name}: ${mine} s`);
  });
  check(/until the world went on.*asked for by (collector|other).*\n.*for objects' locks/.test(words) === some, words);
  check(/the longest .* waiting for an object's lock in append/.test(words) === page_path.includes("held_up"), words);
}
// What is drawn adds up to the same.
const shapes = await import(pathToFileURL(data_js.replace(/data\.js$/, "shapes.js")));
const near = (a, b, what) => check(Math.abs(a - b) <= 1e-6 * Math.max(1, Math.abs(a), Math.abs(b)), `${what}: ${a}, not ${b}`);
function compare_shapes(range) {
  const choice = { range }, { self, total } = data.sum(trace, choice, "wall"), where = range ? data.range_text(range.from) : "whole";
  for (const full of [false, true]) {
    const tree = shapes.drawn_tree(trace, full), own = shapes.drawn_self(trace, tree, self), sums = data.totals(tree.up, own), boxes = shapes.boxes(tree, sums, 0);
    near(boxes[0].width, total, `${where}: the flame graph`);
    const depths = new Map();
    for (const box of boxes) depths.set(box.depth, (depths.get(box.depth) || 0) + box.width);
    for (const width of depths.values()) check(width <= total * (1 + 1e-9), `${where}: boxes are wider than the whole`);
    // every weight is in a box, whatever is folded: boxes less those above them are what is spent in them
    const shown = new Set(boxes.map(box => box.node));
    near(boxes.reduce((a, box) => a + own[box.node], 0), total, `${where}: what boxes of the ${full ? "full" : "folded"} graph spend themselves`);
    check(full ? boxes.every(box => !box.chain) : boxes.every(box => !box.chain || (box.chain.length >= 3 && !own[tree.up[box.node]])), `${where}: chains`);
    check(!boxes.some(box => box.fn === shapes.IMPORTS && (full || tree.kids[box.node])), `${where}: the import machinery calls something`);
    check(shown.size === boxes.length, `${where}: a node has two boxes`);
  }
  const leaves = shapes.inverted(trace, self, 0).filter(box => box.depth === 1);
  near(leaves.reduce((a, box) => a + box.width, 0), total, `${where}: the inverted graph`);
  for (const row of data.rows(trace, self, "functions").filter(row => row.id >= 0).slice(0, 5))
    near(shapes.inverted(trace, self, 0, row.id)[0].width, row.cum, `${where}: callers of ${trace.functions[row.id][0]}`);
  for (let file = 0; file < trace.files.length && file < 5; file++) {
    const lines = data.heat(trace, self, file), own = [...lines.values()].reduce((a, line) => a + line.self, 0);
    const known = data.rows(trace, self, "lines").filter(row => {
      const { file: path, line } = data.row_name(trace, "lines", row.id);
      return row.id >= 0 && path === trace.files[file] && line > 0; // code without a line has no place in a source
    });
    near(own, known.reduce((a, row) => a + row.self, 0), `${where}: heat of ${trace.files[file]}`);
    for (const line of lines.values()) check(line.cum >= line.self, `${where}: heat of ${trace.files[file]}`);
  }
  near(data.by_thread(trace, choice).reduce((a, thread) => a + thread.ticks.reduce((x, y) => x + y, 0), 0), total, `${where}: threads`);
  for (const thread of trace.threads) {
    const course = shapes.course(trace, thread, range, 1e9), [from, to] = data.intervals(trace, trace.processes[thread.process], range);
    check(course.every(box => box.x >= from && box.x + box.width <= to && box.width > 0), `${where}: the order of time of ${thread.name}`);
  }
}
// Sources are there, or it is said why not; of the hottest files at least, and a made-up one cannot be there.
for (const [file, why] of trace.missing) check(trace.files[file] && why && !why.includes(trace.files[file]) && !trace.sources[file], `the source of ${trace.files[file]}: "${why}"`);
for (const [file, name] of trace.files.entries())
  if (/^\/home\/me\/.*demo\.py$/.test(name)) check(trace.missing.some(([number, why]) => number === file && /No such file/.test(why)), `nothing is said of ${name}`);
compare_shapes(null);
const third = (trace.end_ns - trace.start_ns) / 3, middle = data.snap_range(trace, trace.start_ns + third, trace.end_ns - third);
if (middle.to > middle.from) compare_shapes(middle);
{
  const all = { from: trace.start_ns, to: trace.end_ns }, columns = 50, part = (all.to - all.from) / columns;
  const cpu = data.sum(trace, { range: null }, "cpu").total;
  const curves = data.curves(trace, all, columns), carried = trace.threads.reduce((a, thread) => a + thread.carry_ns.reduce((x, y) => x + y, 0), 0);
  const drawn = curves.cpu.reduce((a, b) => a + b, 0) * part;
  check(drawn <= cpu * (1 + 1e-9) && drawn >= cpu - carried - 1, `the curve of CPU: ${drawn}, not ${cpu} less at most ${carried}`);
  let seen = 0, wanted = 0, waited = 0;
  for (const thread of trace.threads) {
    const process = trace.processes[thread.process], ticks = data.by_thread(trace, { range: null })[thread.index].ticks;
    seen += data.strip(trace, thread, all, columns).reduce((a, b) => a + b, 0) * part;
    wanted += ticks.reduce((a, b) => a + b, 0) * process.interval_ns;
    waited += ticks[2] * process.interval_ns;
  }
  near(seen, wanted, "the strips");
  near(curves.gil_wait.reduce((a, b) => a + b, 0) * part, waited, "the curve of those that wait for the GIL");
}

// What is chosen comes back from the address as it was.
for (let i = 0; i < 1000; i++) {
  const from = Math.floor(random() * 1e10), to = from + 1 + Math.floor(random() * 1e10), back = span_of(span_text({ from, to }));
  check(back.from === from && back.to === to, `the address of ${from} to ${to} says ${back.from} to ${back.to}`);
}
for (const words of ["", "1", "2-1", "1-1", "a-b", "1-2-3"]) check(span_of(words) === null, `"${words}" is a range`);

console.log(`${wrong === 0 ? "equal" : "DIFFERENT"}: ${compared} numbers, ${wrong} wrong; ${trace.threads.length} threads, ${trace.processes.length} processes`);
process.exit(wrong ? 1 : 0);
