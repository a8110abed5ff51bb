// SPDX-License-Identifier: MIT
import { render } from "preact";
import { App } from "./app.jsx";
import { Difference } from "./difference.jsx";
import { unpack } from "./read.js";
import { cumulative, follow_hash, table, TABLES, trace } from "./state.js";

// A page of a diff begins with the table that was asked for.
function begin_with(asked) {
  const [key, cum] = asked.split("_");
  if (/[#&][bc]=/.test(location.hash)) return;
  table.value = Object.keys(TABLES).find(name => TABLES[name] === key) || "functions";
  cumulative.value = cum === "cum";
}

const place = document.getElementById("app");
unpack(document.getElementById("data").textContent).then(read => {
  trace.value = read;
  follow_hash();
  if (read.kind === "diff") begin_with(read.asked);
  place.textContent = "";
  render(read.kind === "diff" ? <Difference /> : <App />, place);
  document.documentElement.dataset.ready = "yes";
}, error => {
  const line = document.createElement("p");
  line.className = "warn";
  line.setAttribute("role", "alert");
  line.textContent = error.message;
  place.prepend(line);
  document.documentElement.dataset.ready = "failed";
});
