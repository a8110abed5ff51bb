// SPDX-License-Identifier: MIT
//
// colors - of states: they differ for all kinds of sight, and in grey.
export const STATES = [
  { name: "on a CPU", light: "#0072b2", dark: "#3d9be0" },
  { name: "ready, no CPU free", light: "#cc79a7", dark: "#d68fb8", hatch: true },
  { name: "waits for the GIL", light: "#e69f00", dark: "#f0b63a" },
  { name: "blocked or idle", light: "#dde3ea", dark: "#2f3945" },
  { name: "not known", light: "#848a78", dark: "#5a5550" },
  { name: "on a CPU, in the kernel", light: "#003a5e", dark: "#cfe8fb" },
];
// Of builds without a GIL; drawn in place of the state that they are part of.
export const HALT_STATES = [
  { name: "waits until the world goes on", light: "#f0e442", dark: "#f4ef3d", hatch: true },
  { name: "waits for an object's lock", light: "#aa3e09", dark: "#b8460f", hatch: true },
  { name: "stops the world", light: "#7fe3a0", dark: "#4de6a0", hatch: true },
];
const DRAWN = [...STATES, ...HALT_STATES];
export const is_dark = () => (document.documentElement.dataset.theme || (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
// What is alike stands together.
export const LEGEND = [0, 5, 1, 2, 3, 4];

export const state_color = cls => DRAWN[cls][is_dark() ? "dark" : "light"];
export const is_hatched = cls => !!DRAWN[cls].hatch;

function hash(text) {
  let h = 2166136261;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 16777619);
  return h >>> 0;
}

// A box's color: one hue per file, so that one sees where a stack goes from library to library. What is of C
// is paler (and hatched).
export function box_color(file, name, native = false) {
  const hue = hash(file) % 360, light = (is_dark() ? 30 : 74) + (hash(name) % 10);
  return `hsl(${hue} ${native ? 18 : 42}% ${light}%)`;
}

// Of changes: less is blue and darker in grey, more is orange and lighter; strong ones farther from noise.
export const CHANGES = [
  { name: "noise, or too few samples to tell", light: "#dde3ea", dark: "#2f3945" },
  { name: "more", light: "#f3b552", dark: "#dd9a34" },
  { name: "much more", light: "#d46a00", dark: "#ffd489" },
  { name: "less", light: "#2470b0", dark: "#235f8f" },
  { name: "much less", light: "#003f70", dark: "#3f8fcb" },
];
export const change_color = cls => CHANGES[cls][is_dark() ? "dark" : "light"];
// Text that can be read on it.
export const change_ink = cls => ([[true, true, true, false, false], [false, true, true, false, true]][is_dark() ? 1 : 0][cls] ? "#10202f" : "#ffffff");
