// SPDX-License-Identifier: MIT
//
// source - the file of the picked function with what its lines took, and within a line which expression.
import { useComputed } from "@preact/signals";
import { heat } from "./data.js";
import { picked, trace, weight_ns, weights } from "./state.js";
import { is_native, seconds, visible } from "./text.js";

// Pieces of a line with the innermost expression over each: [text, expression]. Columns count bytes.
export function split_line(text, expressions) {
  if (!expressions.length) return [[text, null]];
  const at = [0], chars = [...text];
  for (const c of chars) at.push(at[at.length - 1] + new TextEncoder().encode(c).length);
  const end = at[at.length - 1], cuts = new Set([0, end]);
  for (const e of expressions) for (const x of [e.from - 1, e.to - 1]) if (at.includes(x)) cuts.add(x);
  const list = [...cuts].sort((a, b) => a - b), out = [];
  for (let i = 0; i + 1 < list.length; i++) {
    const over = expressions.filter(e => e.from - 1 <= list[i] && e.to - 1 >= list[i + 1]).sort((a, b) => a.to - a.from - (b.to - b.from))[0];
    out.push([chars.slice(at.indexOf(list[i]), at.indexOf(list[i + 1])).join(""), over || null]);
  }
  return out;
}

// Files whose source could not be read when the page was made, and why.
function Missing({ missing, files }) {
  if (!missing.length) return null;
  return (
    <details class="soft">
      <summary>{missing.length === 1 ? "One source" : missing.length + " sources"} could not be read</summary>
      <ul class="missing">{missing.map(([file, why]) => <li key={file}>{visible(files[file] || "?")}: {visible(why)}</li>)}</ul>
    </details>
  );
}

const level = share => "h" + Math.min(8, Math.ceil(share * 8));

export function Source() {
  const t = trace.value;
  const shown = useComputed(() => {
    if (picked.value < 0) return null;
    const file = t.functions[picked.value][1];
    const missing = t.missing.find(([number]) => number === file);
    return { file, lines: heat(t, weights.value.self, file), source: t.sources[file], why: missing ? missing[1] : "" };
  });
  if (!shown.value)
    return (
      <div>
        <p class="soft">Choose a function in the table or the flame graph: its source stands here.</p>
        <Missing missing={t.missing} files={t.files} />
      </div>
    );
  const { file, lines, source, why } = shown.value, fn = t.functions[picked.value];
  const most = Math.max(1e-9, ...[...lines.values()].map(l => l.cum));
  if (is_native(fn)) return <p><span class="c">C</span>{visible(fn[0])}{t.files[file] ? ` of ${visible(t.files[file])}` : ""}: a C function, so there is no Python source of it. Who calls it: a right click on it in the table or the flame graph.</p>;
  if (!source) {
    const top = [...lines].sort((a, b) => b[1].cum - a[1].cum).slice(0, 12);
    return (
      <div>
        <p>{visible(t.files[file] || fn[0])}: its source is not in this page{why ? `: it could not be read (${visible(why)})` : ""}. Lines that took most:</p>
        <table class="rows"><thead><tr><th scope="col">line</th><th scope="col">self</th><th scope="col">cum.</th></tr></thead><tbody>{top.map(([line, l]) => <tr key={line}><td>{line}</td><td>{seconds(weight_ns(l.self))}</td><td>{seconds(weight_ns(l.cum))}</td></tr>)}</tbody></table>
      </div>
    );
  }
  const row = (line, text) => {
    const l = lines.get(line), parts = l ? [...l.expressions.values()].filter(e => e.total > 0.02 * l.cum && e.to > e.from) : [];
    return (
      <div key={line} class={"line" + (l ? " " + level(l.cum / most) : "") + (line === fn[2] ? " first" : "")}>
        <span class="num">{l && l.self ? seconds(weight_ns(l.self)) : ""}</span>
        <span class="num">{l && l.cum ? seconds(weight_ns(l.cum)) : ""}</span>
        <span class="no">{line}</span>
        <span class="code">{split_line(text, parts).map(([piece, e], i) => (e ? <span key={i} class={"part " + level(e.total / most)} title={`${seconds(weight_ns(e.total))} in this expression`}>{visible(piece)}</span> : visible(piece)))}</span>
      </div>
    );
  };
  return (
    <div>
      <p class="soft">{visible(t.files[file])}: self, with what it called, line{source.doubt ? <b class="warn"> {visible(source.doubt)}</b> : ""}</p>
      <div class="source" tabIndex={0} role="region" aria-label={"source of " + visible(t.files[file])}>
        {source.pieces.map(([first, text], i) => (
          <div key={first}>
            {i > 0 && <div class="line gap">⋯</div>}
            {text.replace(/\n$/, "").split("\n").map((line, k) => row(first + k, line))}
          </div>
        ))}
      </div>
    </div>
  );
}
