// SPDX-License-Identifier: MIT
//
// text - numbers and names as people read them.

// A name that others chose: what could hide, reorder or break text is shown as an escape.
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff0-\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/gu;
export const visible = text => String(text).replace(INVISIBLE, c => "\\u" + c.codePointAt(0).toString(16).padStart(4, "0"));

export const seconds = ns => {
  const s = ns / 1e9;
  return (s >= 100 ? s.toFixed(1) : s >= 10 ? s.toFixed(2) : s.toFixed(3)) + " s";
};
// A range of time as the address says it, in seconds; read back it is the same, to the nanosecond that blocks begin at.
export const span_text = ({ from, to }) => [from, to].map(ns => (ns / 1e9).toFixed(9).replace(/\.?0+$/, "")).join("-");
export function span_of(words) {
  const [, from, to] = /^([0-9.]+)-([0-9.]+)$/.exec(words) || [];
  return Number(to) > Number(from) ? { from: Math.round(from * 1e9), to: Math.round(to * 1e9) } : null;
}
export const percent = share => (100 * share).toFixed(1) + " %";
export const count = n => Math.round(n).toLocaleString("en");

// Time of day, UTC or local; `ns` since the beginning of the recording.
export function clock(trace, ns, digits = 3, utc = false) {
  const first = trace.recordings[0];
  const ms = Number(BigInt(first.unix_ns) / 1000000n) + (ns - first.shift_ns) / 1e6;
  const d = new Date(ms), two = n => String(n).padStart(2, "0");
  const [h, m, s, f] = utc
    ? [d.getUTCHours(), d.getUTCMinutes(), d.getUTCSeconds(), d.getUTCMilliseconds()]
    : [d.getHours(), d.getMinutes(), d.getSeconds(), d.getMilliseconds()];
  return `${two(h)}:${two(m)}:${two(s)}` + (digits ? "." + String(f).padStart(3, "0").slice(0, digits) : "");
}

// What threads of one pool are called, without their number: "pool-3", or Python's own "Thread-3 (target)".
export const thread_kind = name => name.replace(/[-_ ]?\d+(?=$| \([^()]*\)$)/, "");

// A function of the page that is C's: its file is a library, and it has no line.
export const is_native = fn => fn[4] === 1;

export const file_end = file => file.replace(/^.*\/(?=[^/]*\/[^/]*$)/, "");

// What was given up to make the page small, and what that costs.
export function thinning_text(trace) {
  if (!trace.thin) return "Exact: every interval of the recording is in this page.";
  const { bin, fine, error } = trace.thin, ns = trace.processes[0].interval_ns, all = trace.end_ns - trace.start_ns, span = Math.min(bin * ns, all);
  return `Thinned to be small: sums of stacks are exact over ${span < all ? "whole " + seconds(span) : "the whole recording"}, those of threads and states over whole ${seconds(fine * ns)}, which ranges are rounded to. Within ${seconds(span / 2)} a share of stacks has a further ±${(100 * error).toFixed(1)} %, of the wall or CPU time of all threads; each row says its own. pyanalyze report --exact keeps everything, --size more.`;
}
