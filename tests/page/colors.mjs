// SPDX-License-Identifier: MIT
// States, and changes, can be told apart in all kinds of sight, and in grey; the style sheet has the same colors.
//
// usage: node colors.mjs COLORS.JS STYLE.CSS
import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const [colors_js, style_css] = process.argv.slice(2);
const { CHANGES, HALT_STATES, STATES } = await import(pathToFileURL(colors_js));
const DRAWN = [...STATES, ...HALT_STATES];
// What of linear red, green and blue is left to each kind of sight (Machado, Oliveira, Fernandes 2009).
const SIGHT = {
  all: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};
const linear = c => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const rgb = text => [1, 3, 5].map(at => linear(parseInt(text.slice(at, at + 2), 16) / 255));
function lab([r, g, b]) {
  const f = t => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  const x = f(Math.max(0, 0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.95047), y = f(Math.max(0, 0.2126 * r + 0.7152 * g + 0.0722 * b)), z = f(Math.max(0, 0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.08883);
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}
let wrong = 0;
for (const [theme, group] of [["light", DRAWN], ["dark", DRAWN], ["light", CHANGES], ["dark", CHANGES]]) {
  const list = group.map(state => ({ ...state, rgb: rgb(state[theme]) }));
  for (let i = 0; i < list.length; i++)
    for (let k = 0; k < i; k++) {
      const pair = `${theme}: ${list[k].name} and ${list[i].name}`;
      for (const [sight, matrix] of Object.entries(SIGHT)) {
        const [a, b] = [list[i], list[k]].map(s => lab(matrix.map(row => row.reduce((sum, m, j) => sum + m * s.rgb[j], 0))));
        const apart = Math.hypot(...a.map((v, j) => v - b[j]));
        if (apart < 15 && wrong++ >= 0) console.log(`${pair}: only ${apart.toFixed(1)} apart, ${sight}`);
      }
      // in grey, but where hatching tells them apart
      const grey = Math.abs(lab(list[i].rgb)[0] - lab(list[k].rgb)[0]);
      if (grey < 10 && !list[i].hatch && !list[k].hatch && wrong++ >= 0) console.log(`${pair}: only ${grey.toFixed(1)} apart in grey`);
    }
}
const sheet = readFileSync(style_css, "utf8"), light = sheet.match(/:root \{[^}]*\}/)[0], dark = sheet.match(/:root\[data-theme="dark"\] \{[^}]*\}/)[0], system = sheet.match(/:root:not\(\[data-theme="light"\]\) \{[^}]*\}/)[0];
[...DRAWN.map((state, i) => [`--c${i}`, state]), ...CHANGES.map((change, i) => [`--d${i}`, change])].forEach(([name, state]) => {
  for (const [rule, color] of [[light, state.light], [dark, state.dark], [system, state.dark]])
    if (!rule.includes(`${name}: ${color}`) && wrong++ >= 0) console.log(`style.css: ${name} is not ${color}`);
});
process.exit(wrong ? 1 : 0);
