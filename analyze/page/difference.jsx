// SPDX-License-Identifier: MIT
//
// difference - the page of a diff from top to bottom: what changed, where, in which rows.
import { useEffect, useMemo } from "preact/hooks";
import { ChangesFlame, ChangesTable, change_words, Legend, Sides } from "./changes.jsx";
import { is_dark } from "./colors.js";
import { diff_findings } from "./diff.js";
import { cumulative, find, full, help, picked, root, side, TABLES, table, theme, trace, view } from "./state.js";
import { count, file_end, seconds, visible } from "./text.js";

const amount_of = t => (t.seconds ? value => (value < 0 ? "−" : "") + seconds(Math.abs(value) * 1e9) : value => (Number.isInteger(value) ? value.toLocaleString("en") : value.toPrecision(4)).replace("-", "−"));
const part_of = t => t.parts[TABLES[table.value] + (cumulative.value && table.value !== "threads" ? "_cum" : "")] || [];

function Header() {
  const t = trace.value, turn = () => { theme.value = is_dark() ? "light" : "dark"; };
  const about = (s, letter) => <span key={letter} title={visible(s.name)}><b>{letter}</b> {visible(file_end(s.name))}{s.recordings > 1 ? ` and ${s.recordings - 1} more` : ""}: {visible(s.command)}, {count(s.samples)} samples in {seconds(s.elapsed * 1e9)}, Python {visible(s.python)}, {visible(s.host)}</span>;
  return (
    <header>
      <h1>What changed</h1>
      {about(t.sides[0], "A")} {about(t.sides[1], "B")}
      <span class="right"><button onClick={turn} aria-label="light or dark" title="light or dark">◐</button> <button onClick={() => { help.value = !help.value; }} aria-label="help" aria-expanded={help.value}>?</button></span>
    </header>
  );
}

function Findings({ rows, amount, pick }) {
  const { all, rows: real, more } = diff_findings(rows), t = trace.value;
  const sentence = row => `${amount(row.a)} → ${amount(row.b)}, ${row.difference > 0 ? "+" : ""}${amount(row.difference)} ±${amount(row.margin)}${row.a > 0 ? ` (${change_words(row.a, row.b)})` : ""}: ${row.verdict}`;
  return (
    <section class="findings" aria-label="what stands out">
      <h2>{visible(t.heading)}</h2>
      <ul>
        <li>all together: {sentence(all)}</li>
        {real.map((row, i) => <li key={i}>{visible(row.function || file_end(row.file))} <span class="soft">{row.file ? visible(file_end(row.file)) + (row.line_b || row.line_a ? ":" + (row.line_b || row.line_a) : "") : ""}</span>: {sentence(row)} <button onClick={() => pick(row)}>show</button></li>)}
        {more > 0 && <li class="soft">{more} more real {more === 1 ? "change" : "changes"}, in the table</li>}
        {real.length === 0 && <li>no row's difference is more than chance</li>}
      </ul>
    </section>
  );
}

function Help() {
  const rows = [["click a box", "zoom to it; Esc goes back"], ["arrow keys on the flame graph", "go from box to box"], ["w", "as wide as A, as wide as B"], ["f, i", "flame, icicle"], ["t", "functions, lines, files, threads"], ["c", "what a row took itself, or with all it called"], ["/", "find"], ["Esc", "back"]];
  return <section class="help" aria-label="help"><table class="rows"><tbody>{rows.map(([a, b]) => <tr key={a}><th scope="row">{a}</th><td class="name">{b}</td></tr>)}</tbody></table></section>;
}

function keys(e) {
  if (e.ctrlKey || e.altKey || e.metaKey || /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName)) return;
  const names = Object.keys(TABLES);
  if (e.key === "/") document.getElementById("find").focus();
  else if (e.key === "Escape") help.value ? (help.value = false) : root.value ? (root.value = 0) : (picked.value = -1);
  else if (e.key === "?") help.value = !help.value;
  else if (e.key === "w") { side.value = side.value === "a" ? "b" : "a"; root.value = 0; }
  else if (e.key === "f" || e.key === "i") view.value = e.key === "f" ? "flame" : "icicle";
  else if (e.key === "t") table.value = names[(names.indexOf(table.value) + 1) % names.length];
  else if (e.key === "c") cumulative.value = !cumulative.value;
  else return;
  e.preventDefault();
}

export function Difference() {
  const t = trace.value, amount = amount_of(t), rows = part_of(t);
  useEffect(() => {
    addEventListener("keydown", keys);
    return () => removeEventListener("keydown", keys);
  }, []);
  const number_of = useMemo(() => new Map(t.functions.map(([name, file], i) => [name + "\0" + t.files[file], i])), [t]);
  const function_of = row => number_of.get(row.function + "\0" + row.file) ?? -1;
  const pick = row => { picked.value = function_of(row); };
  const list = useMemo(() => rows.slice(1).map((row, i) => ({ ...row, key: i, name: row.function || file_end(row.file), line: row.line_b || row.line_a || 0 })), [rows]);
  const place_of = (fn, node) => `(${t.files[t.functions[fn][1]]}:${t.tree.line[node]})`;
  const { real, tested } = t.paths;
  return (
    <>
      <Header />
      {help.value && <Help />}
      <Findings rows={t.parts[t.asked]} amount={amount} pick={pick} />
      <main>
        <nav aria-label="what is shown">
          <Sides />
          <span class="pick" role="group" aria-label="shape">{["flame", "icicle"].map(name => <button key={name} aria-pressed={view.value === name} onClick={() => { view.value = name; }}>{name}</button>)} <button aria-pressed={full.value} title="calls that only call the next as boxes of their own" onClick={() => { full.value = !full.value; root.value = 0; }}>every frame</button></span>
          <input type="search" id="find" placeholder="find" aria-label="find functions" value={find.value} onInput={e => { find.value = e.currentTarget.value; }} />
        </nav>
        <div class="stacked">
          <div>
            <Legend />
            <ChangesFlame tree={t.tree} name_of={fn => t.functions[fn][0]} place_of={place_of} amount={amount} open={fn => { picked.value = fn; }} />
            <p class="soft">{real} of {tested} paths tested {real === 1 ? "is" : "are"} real; of paths called real, 1 in 20 may be chance.</p>
          </div>
          <div>
            <div class="pick" role="group" aria-label="rows">
              {Object.keys(TABLES).map(name => <button key={name} aria-pressed={table.value === name} onClick={() => { table.value = name; }}>{name}</button>)}
              {table.value !== "threads" && <button aria-pressed={cumulative.value} onClick={() => { cumulative.value = !cumulative.value; }}>with what it called</button>}
              <span class="soft">{list.length} rows</span>
            </div>
            <ChangesTable rows={list} amount={amount} open={pick} is_picked={row => picked.value >= 0 && function_of(row) === picked.value} />
            {t.notes.map((note, i) => <p key={i} class="soft note">{visible(note)}</p>)}
          </div>
        </div>
      </main>
      <footer class="soft">Made by pyanalyze {visible(t.version)}: <code>{visible(t.made_by)}</code></footer>
    </>
  );
}
