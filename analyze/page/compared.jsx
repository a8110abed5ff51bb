// SPDX-License-Identifier: MIT
//
// compared - two ranges of the recording side by side, per second of each: what differs, and whether that is real.
import { useMemo } from "preact/hooks";
import { ChangesFlame, ChangesTable, change_words, Legend, Sides } from "./changes.jsx";
import { compare, KEYS, row_name } from "./data.js";
import { ALL_CLASSES, NO_FRAMES } from "./read.js";
import { choice, classes, compared, metric, other, picked, tab, table, threads, trace, wanted } from "./state.js";
import { scope_words } from "./scopes.js";
import { file_end, seconds, visible } from "./text.js";
import { NO_FRAMES_FN, words_of } from "./versus.js";

const amount = ns => (ns < 0 ? "−" : "") + (Math.abs(ns) / 1e6).toFixed(1);

// Of a page that was thinned only shares and their errors are known, not how they vary.
function untold(t) {
  return compare(t, choice.value, other.value, metric.value, table.value).map(row => ({ ...row_name(t, table.value, row.id), key: row.id, fn: table.value === "functions" ? row.id : table.value === "lines" && row.id >= 0 ? t.place_fn[t.line_place[row.id]] : -1, a: row.a * 1e9, b: row.b * 1e9, difference: row.difference * 1e9, margin: row.margin * 1e9, verdict: "not told" })).sort((x, y) => Math.abs(y.difference) - Math.abs(x.difference));
}

function Told({ all, tested, real, blocks }) {
  const words = words_of(trace.value, choice.value, other.value, metric.value, table.value), part = threads.value || classes.value !== ALL_CLASSES;
  return (
    <>
      <p class="soft note">all together {amount(all.a)} → {amount(all.b)} ms/s ±{amount(all.margin)}{all.a > 0 ? ` (${change_words(all.a, all.b)})` : ""}: <b>{all.verdict}</b>; {real} of {tested} rows tested {real === 1 ? "is" : "are"} real; of rows called real, 1 in 20 may be chance. Judged by how the ranges vary within (blocks of {seconds(blocks[0].size)} and {seconds(blocks[1].size)}).</p>
      {words && !part && <p class="soft note">In a terminal: <code>pyanalyze diff {[...words, ...scope_words(wanted.value).map(visible)].join(" ")} TRACE TRACE</code></p>}
    </>
  );
}

export function Compared() {
  const t = trace.value, told = compared.value, rows = useMemo(() => (told ? told.rows : untold(t)), [told, choice.value, other.value, metric.value, table.value]);
  const open = row => {
    if (row.fn < 0) return;
    picked.value = row.fn;
    tab.value = "source";
  };
  const name_of = fn => (fn === NO_FRAMES_FN ? NO_FRAMES : t.functions[fn][0]), place_of = fn => (fn >= 0 ? `(${t.files[t.functions[fn][1]]}:${t.functions[fn][2]})` : "");
  return (
    <div class="stacked">
      <div>
        <span class="soft">B against A, in ms per second of each range</span> {told && <Sides />} {told && <Legend />}
        {told ? <ChangesFlame tree={told.tree} name_of={name_of} place_of={place_of} amount={x => amount(x) + " ms/s"} open={fn => open({ fn })} /> : <p class="soft note">This page was thinned: what differs has its ±, but how it varies is not in it, so no verdict is told (pyanalyze report --exact, or pyanalyze diff).</p>}
        {told && <p class="soft note">{told.paths.real} of {told.paths.tested} paths tested {told.paths.real === 1 ? "is" : "are"} real.</p>}
      </div>
      <div>
        <div class="pick" role="group" aria-label="rows">
          {Object.keys(KEYS).map(name => <button key={name} aria-pressed={table.value === name} onClick={() => { table.value = name; }}>{name}</button>)}
          <span class="soft">{rows.length} rows</span>
        </div>
        <ChangesTable rows={rows.map(row => (row.name ? row : { ...row, name: file_end(row.file) }))} amount={amount} open={open} is_picked={row => row.fn >= 0 && row.fn === picked.value} />
        {told && <Told all={told.whole} tested={told.tested} real={told.real} blocks={told.blocks} />}
      </div>
    </div>
  );
}
