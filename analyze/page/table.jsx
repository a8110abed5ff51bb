// SPDX-License-Identifier: MIT
//
// table - functions, lines, files or modules of what is chosen.
import { useComputed, useSignal } from "@preact/signals";
import { KEYS, row_name, rows, share_error, thin_errors } from "./data.js";
import { remainder } from "./quality.js";
import { Scrolled } from "./scrolled.jsx";
import { callers, find, metric, picked, range, tab, table, threads, trace, weight_ns, weights } from "./state.js";
import { file_end, is_native, percent, seconds, visible } from "./text.js";

const COLUMNS = [["self", "self"], ["share", "share"], ["error", "±95 %"], ["cum", "cum."], ["name", "where"]];

export function Table() {
  const t = trace.value, chosen = useSignal("self");
  const list = useComputed(() => {
    const { self, total, samples } = weights.value, wanted = find.value.toLowerCase(), thinned = thin_errors(t, weights.value, table.value);
    const named = row => ({ ...row, ...row_name(t, table.value, row.id) });
    const all = rows(t, self, table.value).map(row => {
      const share = total ? row.self / total : 0;
      return { ...named(row), share, error: Math.hypot(share_error(share, samples), thinned(row.id)) };
    });
    const kept = wanted ? all.filter(row => (row.name + " " + row.file).toLowerCase().includes(wanted)) : all;
    const key = chosen.value;
    kept.sort((a, b) => (key === "name" ? (a.name < b.name ? -1 : a.name > b.name ? 1 : a.line - b.line) : b[key] - a[key] || b.cum - a.cum));
    return kept;
  });
  const left = remainder(t);
  const function_of = row => (table.value === "functions" ? row.id : table.value === "lines" && row.id >= 0 ? t.place_fn[t.line_place[row.id]] : -1);
  const open = row => {
    const fn = function_of(row);
    if (fn < 0) return;
    picked.value = fn;
    tab.value = "source";
  };
  const where = row => (table.value === "functions" || table.value === "lines" ? (row.file ? `${file_end(row.file)}${row.line ? ":" + row.line : ""}` : "") : table.value === "modules" ? file_end(row.file) : "");
  return (
    <div>
      <div class="pick" role="group" aria-label="rows">
        {Object.keys(KEYS).map(name => (
          <button key={name} aria-pressed={table.value === name} onClick={() => { table.value = name; }}>{name}</button>
        ))}
        <span class="soft">{list.value.length} rows</span>
      </div>
      <Scrolled name="table" columns={COLUMNS} by={chosen.value} sort={key => { chosen.value = key; }} rows={list.value} row={row => (
              <tr key={row.id} class={function_of(row) >= 0 && function_of(row) === picked.value ? "picked" : ""} onClick={() => open(row)} onContextMenu={e => { const fn = function_of(row); if (fn >= 0) { e.preventDefault(); callers.value = fn; } }}>
                <td>{seconds(weight_ns(row.self))}</td>
                <td><meter min={0} max={1} value={row.share} aria-hidden="true" />{percent(row.share)}</td>
                <td>±{(100 * row.error).toFixed(1)}</td>
                <td>{seconds(weight_ns(row.cum))}</td>
                <td class="name" title={visible(row.file)}>
                  {function_of(row) >= 0 && is_native(t.functions[function_of(row)]) && <span class="c" title="C function">C</span>}{function_of(row) >= 0 ? <button class="link" onClick={() => open(row)}>{visible(row.name)}</button> : visible(table.value === "files" ? file_end(row.name) : row.name)} <i>{visible(where(row))}</i>
                </td>
              </tr>
      )} />
      {left && metric.value === "cpu" && !range.value && !threads.value && <p class="soft">{left.text}.</p>}
    </div>
  );
}
