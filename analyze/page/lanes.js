// SPDX-License-Identifier: MIT
//
// lanes - what the program said of itself, drawn: phases and labels as bars below their thread, marks as flags.
import { is_dark } from "./colors.js";
import { NOT_KEPT, said_of } from "./scopes.js";
import { clock, seconds, visible } from "./text.js";

export const LANE = 12, MARKS = 16;

// Grey says nothing of states; labels have a border only, so that they are told apart without color, too.
const fill_of = () => (is_dark() ? "#4a5664" : "#c3cdd8");
const LETTERS = 6.2; // px of a letter, about: what is longer is not measured

const words_of = said => (said.name === NOT_KEPT ? "not known: too many names" : said.value === NOT_KEPT ? `${said.name}: detail not known` : said.label ? `${said.name}=${said.value}` : said.value ? `${said.name}: ${said.value}` : said.name);

export function phase_words(t, phase) {
  const said = said_of(t, phase.said), who = phase.thread >= 0 ? visible(t.threads[phase.thread].name) : "";
  return `${said.label ? "label" : "phase"} ${visible(words_of(said))}: ${phase.open ? "no end in the recording, " : ""}${seconds(phase.to - phase.from)} from ${clock(t, phase.from)} on, ${who}; click to choose its time`;
}

export function mark_words(t, [, thread, at, n, text]) {
  return `mark "${visible(text)}"${n > 1 ? ` and ${n - 1} more close behind it` : ""} at ${clock(t, at)} (${seconds(at - t.start_ns)} after the start)${thread >= 0 ? ", " + visible(t.threads[thread].name) : ""}; click to choose all that comes after it`;
}

// As much of a text as fits.
function fit(c, text, width) {
  const most = Math.floor(width / LETTERS);
  if (most < 2) return "";
  const shown = visible(text.slice(0, most + 1));
  return shown.length <= most ? shown : shown.slice(0, most - 1) + "…";
}

export function draw_bars(c, t, lanes, x_of, from, to, { y, left, right }, ink) {
  const line = is_dark() ? "#14181e" : "#ffffff";
  c.save();
  c.font = "10px system-ui, sans-serif";
  c.textAlign = "left";
  const drawn = new Map(); // of what is narrower than a pixel one per pixel
  for (const { lane, phase } of lanes.bars) {
    if (phase.to < from || phase.from > to) continue;
    const a = Math.max(left, x_of(phase.from)), b = Math.min(right, x_of(phase.to)), top = y + lane * LANE, width = Math.max(1, b - a);
    if (width <= 1) {
      const key = lane * 1e5 + Math.floor(a);
      if (drawn.has(key)) continue;
      drawn.set(key, true);
    }
    const said = said_of(t, phase.said);
    if (said.label) {
      c.strokeStyle = ink;
      c.globalAlpha = lanes.names ? 0.3 : 0.6;
      c.strokeRect(a + 0.5, top + 1.5, Math.max(1, width - 1), LANE - 4);
      c.globalAlpha = 1;
    } else {
      c.fillStyle = fill_of();
      c.globalAlpha = lanes.names ? 0.6 : 1; // several at once are darker
      c.fillRect(a, top + 1, width, LANE - 2);
      c.globalAlpha = 1;
      c.fillStyle = line;
      if (width > 3) c.fillRect(a + width - 1, top + 1, 1, LANE - 2);
    }
    const text = lanes.names ? "" : fit(c, words_of(said), width - 6); // such a lane has a name of its own
    if (!text) continue;
    c.fillStyle = ink;
    c.fillText(text, a + 3, top + LANE / 2 + 0.5);
  }
  c.textAlign = "right";
  c.fillStyle = ink;
  c.globalAlpha = 0.75;
  lanes.names && lanes.names.forEach((name, lane) => c.fillText(fit(c, name === NOT_KEPT ? "not known" : name, left - 12), left - 6, y + lane * LANE + LANE / 2 + 0.5));
  c.restore();
}

export function draw_marks(c, t, x_of, from, to, { y, left }, ink) {
  c.save();
  c.fillStyle = ink;
  c.textAlign = "right";
  c.fillText("marks", left - 6, y + MARKS / 2);
  c.textAlign = "left";
  c.font = "10px system-ui, sans-serif";
  const marks = t.marks.filter(([, , at]) => at >= from && at <= to);
  marks.forEach(([, , at, , text], i) => {
    const x = Math.round(x_of(at)), next = i + 1 < marks.length ? x_of(marks[i + 1][2]) : x + 160;
    c.fillRect(x, y + 2, 1, MARKS - 3);
    c.beginPath();
    c.moveTo(x, y + 2);
    c.lineTo(x + 6, y + 5);
    c.lineTo(x, y + 8);
    c.fill();
    const words = fit(c, text, Math.min(160, next - x - 14));
    if (words) c.fillText(words, x + 9, y + MARKS / 2);
  });
  c.restore();
}
