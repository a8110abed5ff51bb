// SPDX-License-Identifier: MIT
//
// scrolled - a table of which only rows that are seen are made.
import { useSignal } from "@preact/signals";

const ROW = 22, AROUND = 6, SEEN = 30;

// A row that is as high as those that are not made.
const Gap = ({ rows, columns }) => rows > 0 && <tr aria-hidden="true"><td colSpan={columns} ref={el => { if (el) el.style.height = rows * ROW + "px"; }} /></tr>;

// `columns` are [key, name]; the rows are sorted already, by column `by`; `row` makes a <tr> of each.
export function Scrolled({ name, columns, by, sort, rows, row, kind = "" }) {
  const top = useSignal(0), first = Math.max(0, Math.min(rows.length - 1, Math.floor(top.value / ROW) - AROUND));
  const seen = rows.slice(first, first + SEEN + 2 * AROUND);
  return (
    <div class={"scroll " + kind} tabIndex={0} aria-label={name} role="region" onScroll={e => { top.value = e.currentTarget.scrollTop; }}>
      <table class="rows">
        <thead>
          <tr>
            {columns.map(([key, title]) => (
              <th key={key} scope="col" aria-sort={by === key ? (key === "name" ? "ascending" : "descending") : "none"}>
                <button onClick={() => sort(key)}>{title}</button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          <Gap rows={first} columns={columns.length} />
          {seen.map(row)}
          <Gap rows={rows.length - first - seen.length} columns={columns.length} />
        </tbody>
      </table>
    </div>
  );
}
