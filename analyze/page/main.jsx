// SPDX-License-Identifier: MIT
import { render } from "preact";
import { App } from "./app.jsx";
import { unpack } from "./read.js";
import { follow_hash, trace } from "./state.js";

const place = document.getElementById("app");
unpack(document.getElementById("data").textContent).then(read => {
  trace.value = read;
  follow_hash();
  place.textContent = "";
  render(<App />, place);
  document.documentElement.dataset.ready = "yes";
}, error => {
  const line = document.createElement("p");
  line.className = "warn";
  line.setAttribute("role", "alert");
  line.textContent = error.message;
  place.prepend(line);
  document.documentElement.dataset.ready = "failed";
});
