// SPDX-License-Identifier: MIT
// The page in a browser, driven by mouse and keyboard.
//
// usage: node browser.mjs chromium|firefox PROGRAM FOLDER SHOTS      FOLDER has busy, stall, halts, hostile and cut.html
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const [browser_name, executablePath, folder, shots] = process.argv.slice(2), PAGE_WAIT = 120000;
const full = process.env.TESTS_MATRIX === "full", wide = process.env.TESTS_MATRIX !== "short", chromium = browser_name === "chromium", address = name => pathToFileURL(join(folder, name)).href;
const data = await import(pathToFileURL(join(folder, "page", "data.js")));
const { ALL_CLASSES, unpack } = await import(pathToFileURL(join(folder, "page", "read.js")));
const { versus } = await import(pathToFileURL(join(folder, "page", "versus.js")));
const axe = readFileSync(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");
let failed = 0;
function check(is, what) {
  if (is) return;
  failed++;
  console.log("WRONG", browser_name, what);
}

const browser = await puppeteer.launch({
  browser: chromium ? "chrome" : "firefox", executablePath, headless: true, protocolTimeout: PAGE_WAIT * 2,
  args: chromium ? ["--no-sandbox", "--disable-gpu"] : [], // tests run as root, too
});

// How many px of a table of places are left free beside its last column.
const free_beside = page => page.$eval(".scroll", box => box.clientWidth - (box.querySelector("td.name:last-child").getBoundingClientRect().right - box.getBoundingClientRect().left - box.clientLeft));

// A page, and all that it says, asks for or breaks: all of it is wrong.
async function open(name, hash = "", { width = 1280, height = 900, scheme = "light", ready = "yes", scripts = true } = {}) {
  const page = await browser.newPage();
  page.said = [];
  page.on("console", line => page.said.push(`${line.type()}: ${line.text()}`));
  page.on("pageerror", error => page.said.push(String(error)));
  page.on("dialog", dialog => { page.said.push("a dialog: " + dialog.message()); dialog.dismiss(); });
  page.on("request", request => { if (!/^(file|data|blob):/.test(request.url())) page.said.push("asked for " + request.url()); });
  await page.setViewport({ width, height });
  if (!scripts) await page.setJavaScriptEnabled(false);
  if (chromium) await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
  await page.goto(address(name) + hash, { waitUntil: "load", timeout: PAGE_WAIT });
  if (ready) {
    await page.waitForFunction(() => document.documentElement.dataset.ready, { timeout: PAGE_WAIT });
    check((await page.evaluate(() => document.documentElement.dataset.ready)) === ready, `${name}: ready is not ${ready}`);
  }
  return page;
}
const quiet = (page, what) => check(page.said.length === 0, `${what}: ${page.said.slice(0, 3).join("; ")}`);
const settle = page => page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))));
const hash_of = page => page.evaluate(() => Object.fromEntries(new URLSearchParams(location.hash.slice(1))));
const text_of = (page, at) => page.$eval(at, el => el.textContent);
async function press(page, ...keys) {
  for (const key of keys) await page.keyboard.press(key);
  await settle(page);
}
async function click(page, words, within = "body") {
  const done = await page.evaluate((words, within) => {
    const button = [...document.querySelectorAll(within + " button")].find(b => b.textContent.trim() === words || b.getAttribute("aria-label") === words);
    button?.click();
    return !!button;
  }, words, within);
  check(done, `no button "${words}"`);
  await settle(page);
}
const first_rows = page => page.$$eval(".scroll tbody tr:not([aria-hidden])", rows => rows.slice(0, 8).map(row => [...row.cells].map(cell => cell.textContent.trim())));
const seconds = ns => { const s = ns / 1e9; return (s >= 100 ? s.toFixed(1) : s >= 10 ? s.toFixed(2) : s.toFixed(3)) + " s"; };

// The table shows what the data code says of what is chosen.
async function same_table(page, trace, what) {
  const hash = await hash_of(page), metric = hash.m || "cpu", key = hash.b || "functions";
  const time = hash.t && hash.t.split("-").map(Number);
  const choice = { range: time ? { from: time[0] * 1e9, to: time[1] * 1e9 } : null, threads: hash.th ? new Set(hash.th.split(" ").map(Number)) : null, classes: 63 };
  const { self } = data.sum(trace, choice, metric), unit = metric === "cpu" ? 1 : trace.processes[0].interval_ns;
  const wanted = data.rows(trace, self, key).sort((a, b) => b.self - a.self || b.cum - a.cum).slice(0, 8).map(row => seconds(row.self * unit));
  const shown = (await first_rows(page)).map(row => row[0]);
  // of a part of the time all may have waited for a CPU
  check((shown.length > 0 || what !== "all") && shown.join() === wanted.join(), `${what}: the table says ${shown}, the data ${wanted}`);
}

async function use_mouse(page, trace) {
  await same_table(page, trace, "all");
  const box = await (await page.$(".timeline canvas")).boundingBox(), y = box.y + 60;
  const before = await text_of(page, ".sum");
  await page.mouse.move(box.x + box.width * 0.4, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, y, { steps: 3 });
  await page.mouse.move(box.x + box.width * 0.6, y, { steps: 3 });
  await page.mouse.up();
  await settle(page);
  const { t } = await hash_of(page), [from, to] = (t || "").split("-").map(Number);
  check(to > from && Math.abs((to - from) / (trace.end_ns - trace.start_ns) * 1e9 - 0.2 * box.width / (box.width - 182)) < 0.02, `a brush of a fifth chose ${t}`);
  check((await text_of(page, ".sum")) !== before, "a brush changed nothing");
  // beside the curves nothing is drawn but what is chosen
  const is_shaded = part => page.$eval(".timeline canvas", (canvas, x) => {
    const copy = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
    copy.drawImage(canvas, -Math.round(canvas.width * x), -Math.round(23 * canvas.width / canvas.clientWidth));
    return copy.getImageData(0, 0, 1, 1).data[3] > 0;
  }, part);
  check(await is_shaded(0.512) && !(await is_shaded(0.712)), "what is chosen is not to be seen on the timeline");
  await same_table(page, trace, "a brush");
  for (const metric of ["wall", "on CPU", "ready", "GIL wait", "blocked", "CPU"]) {
    await click(page, metric, "nav");
    if ((await first_rows(page)).length) await same_table(page, trace, `a brush, ${metric}`);
  }
  for (const rows of ["lines", "files", "modules", "functions"]) {
    await click(page, rows, ".both");
    await same_table(page, trace, `a brush, ${rows}`);
  }
  const now = await (await page.$(".timeline canvas")).boundingBox(); // words above it may have changed lines
  await page.mouse.click(now.x + 20, now.y + 22 + 70 + 14 + 9); // the first thread's name
  await settle(page);
  check((await hash_of(page)).th !== undefined, "a click on a thread's name chose none");
  await click(page, "wall", "nav");
  await same_table(page, trace, "a brush of one thread");
  for (const shape of ["icicle", "inverted", "order of time", "flame", "every frame"]) {
    await click(page, shape, "nav");
    const painted = await page.$eval(".flame canvas", canvas => {
      const blank = document.createElement("canvas");
      blank.width = canvas.width;
      blank.height = canvas.height;
      return canvas.height > 0 && canvas.toDataURL() !== blank.toDataURL();
    });
    check(painted, `${shape}: nothing is drawn`);
  }
  await click(page, "CPU", "nav");
  await page.evaluate(() => { location.hash = "m=wall&t=" + new URLSearchParams(location.hash.slice(1)).get("t"); });
  await settle(page);
  const third = await (await page.$(".timeline canvas")).boundingBox();
  await page.keyboard.down("Shift");
  await page.mouse.move(third.x + third.width * 0.7, third.y + 60);
  await page.mouse.down();
  await page.mouse.move(third.x + third.width * 0.8, third.y + 60, { steps: 3 });
  await page.mouse.up();
  await page.keyboard.up("Shift");
  await settle(page);
  const two = await hash_of(page), ends = text => { const [from, to] = text.split("-").map(Number); return { from: from * 1e9, to: to * 1e9 }; };
  check(await is_shaded(0.753) && await is_shaded(0.512), "the second range is not to be seen on the timeline");
  check(two.t2 !== undefined && two.t === t, `a brush with Shift chose ${two.t2}, and ${two.t} instead of ${t}`);
  const told = versus(trace, { range: ends(two.t), threads: null, classes: ALL_CLASSES }, ends(two.t2 || two.t), "wall", "functions"), [most] = told.rows;
  const shown_first = (await first_rows(page))[0] || [];
  check(shown_first[0] === (most.a / 1e6).toFixed(1) && shown_first[1] === (most.b / 1e6).toFixed(1) && shown_first[5] === most.verdict, `A and B: the table says ${shown_first}, the data ${most.a} ${most.b} ${most.verdict}`);
  check((await text_of(page, "main")).includes(`all together ${(told.whole.a / 1e6).toFixed(1)} → ${(told.whole.b / 1e6).toFixed(1)} ms/s`) && (await text_of(page, "main")).includes("pyanalyze diff --scale wall --by wall --key function --from"), "A and B: not all together, or no command");
  const as_b = await page.$eval(".flame canvas", canvas => canvas.toDataURL());
  await press(page, "w");
  check((await page.$eval(".flame canvas", canvas => canvas.toDataURL())) !== as_b && (await hash_of(page)).w === "a", "as wide as A is as wide as B");
  const again = await open("busy.html", await page.evaluate(() => location.hash));
  check((await first_rows(again)).join() === (await first_rows(page)).join(), `the address does not keep two ranges: ${(await first_rows(again)).join("; ")} instead of ${(await first_rows(page)).join("; ")}`);
  await check_axe(again, "two ranges");
  quiet(again, "two ranges");
  await again.close();
  await press(page, "w");
  await picture(page, "two", { fullPage: true });
  await click(page, "all", ".chosen");
  check((await hash_of(page)).t === undefined && (await hash_of(page)).th === undefined, "\"all\" left something chosen");
}

async function use_tabs(page) {
  await page.click(".scroll button.link");
  await settle(page);
  check(/self, with what it called/.test(await text_of(page, "#panel")), "no source of what was clicked");
  const wants = { stalls: /stall/, gil: /who waited/, threads: /parser-0/, processes: /[0-9]/, info: /[a-z]/, source: /[0-9]/ };
  for (const [name, wanted] of Object.entries(wants)) {
    await page.click("#tab-" + name);
    await settle(page);
    const text = await text_of(page, "#panel");
    check(wanted.test(text) && !/undefined|NaN|\[object/.test(text), `tab ${name}: ${text.slice(0, 200)}`);
  }
}

async function use_keys(page, trace) {
  await page.evaluate(() => document.activeElement?.blur());
  const is = async (key, wanted, what) => check((await hash_of(page))[key] === wanted, `${what}: ${key} is ${(await hash_of(page))[key]}, not ${wanted}`);
  for (const [i, name] of [undefined, "wall", "on_cpu", "ready", "gil_wait", "blocked"].entries()) {
    await press(page, String(i + 1));
    await is("m", name, `key ${i + 1}`);
  }
  await press(page, "1");
  for (const [key, name] of [["i", "icicle"], ["v", "inverted"], ["o", "order"], ["f", undefined]]) {
    await press(page, key);
    await is("v", name, `key ${key}`);
  }
  for (const name of ["lines", "files", "modules", undefined]) {
    await press(page, "t");
    await is("b", name, "key t");
  }
  await press(page, "/");
  check((await page.evaluate(() => document.activeElement.id)) === "find", "/ is not find");
  await page.keyboard.type("walk");
  await settle(page);
  await is("q", "walk", "find");
  check((await first_rows(page)).every(row => row[4].includes("walk")), "find left other rows");
  await page.evaluate(() => { const el = document.getElementById("find"); el.value = ""; el.dispatchEvent(new Event("input", { bubbles: true })); el.blur(); });
  await press(page, "?");
  check(!!(await page.$(".help")), "? is no help");
  await press(page, "Escape");
  check(!(await page.$(".help")), "Esc left the help");
  await press(page, "]");
  if (!/\((0|\?)\)$/.test(await page.$eval("#tab-stalls", el => el.textContent))) {
    check((await hash_of(page)).t !== undefined, "] chose no stall");
    await press(page, "Escape");
  }
  await page.evaluate(hash => { location.hash = hash; }, `t=${(trace.start_ns + (trace.end_ns - trace.start_ns) * 0.3) / 1e9}-${(trace.start_ns + (trace.end_ns - trace.start_ns) * 0.6) / 1e9}&f=0&x=threads`);
  await settle(page);
  const at = async () => ((await hash_of(page)).t || "").split("-").map(Number), [a, b] = await at();
  await press(page, "ArrowRight");
  const [c, d] = await at();
  check(c > a && d > b && Math.abs(d - c - (b - a)) < 0.002, "arrow right did not move the range");
  await page.keyboard.down("Shift");
  await press(page, "ArrowLeft");
  await page.keyboard.up("Shift");
  const [e, f] = await at();
  check(Math.abs(e - c) < 0.002 && f < d, "Shift and arrow left did not move its end");
  await press(page, "ArrowLeft", "Enter");
  await is("x", undefined, "Enter");
  check((await page.evaluate(() => document.activeElement.id)) === "panel", "Enter did not go to the source");
  await same_table(page, trace, "a range from keys");
}

// What is chosen is in the address: another page with it says the same.
async function use_hash(page) {
  await page.evaluate(() => { location.hash = "m=wall&v=icicle&b=lines&x=threads&th=0&q=a"; });
  await settle(page);
  const state = p => p.evaluate(() => [document.querySelector(".sum").textContent, location.hash, [...document.querySelectorAll("[aria-pressed=true], [aria-selected=true]")].map(el => el.textContent)].join("|"));
  const other = await open("busy.html", await page.evaluate(() => location.hash));
  check((await state(page)) === (await state(other)), `the address does not keep the state: ${await state(page)}; ${await state(other)}`);
  quiet(other, "from an address");
  await other.close();
}

// Names, roles and contrast are the document's: with PYREC_MATRIX=full they are looked at in both. `part` of the page is looked
// at where the rest was before; `rules`, where only those can tell.
async function check_axe(page, what, { part = "html", rules = null } = {}) {
  if (!chromium && !full) return;
  if (!(await page.evaluate(() => !!window.axe))) await page.evaluate(axe);
  const { violations } = await page.evaluate((part, rules) => window.axe.run(part === "html" ? document : part, { resultTypes: ["violations"], ...(rules && { runOnly: rules }) }), part, rules);
  check(violations.length === 0, `axe, ${what}: ` + violations.map(v => `${v.id} at ${v.nodes.slice(0, 3).map(n => n.target.join(" ")).join(", ")}`).join("; "));
}

// The page of a diff: what stands out, both widths, tables, keys, find, the address, no scripts, hostile names.
async function use_diff() {
  const page = await open("diff.html"), pixels = () => page.$eval(".flame canvas", canvas => canvas.toDataURL());
  const rows = () => page.$$eval(".scroll tbody tr:not([aria-hidden])", list => list.slice(0, 5).map(row => [...row.cells].map(cell => cell.textContent.trim()).join("|")));
  const text = await page.evaluate(() => document.body.innerText);
  check(/all together: .* ±.*: more/.test(text) && /parse .*: more/.test(text) && /real; of rows called real/.test(text) && !/undefined|NaN|\[object/.test(text), `a diff: ${text.slice(0, 400)}`);
  check((await rows())[0].includes("|more|parse"), `its first row is ${(await rows())[0]}`);
  await settle(page);
  const wide = await pixels();
  await click(page, "as wide as A", "nav");
  check((await pixels()) !== wide, "as wide as A is as wide as B");
  await press(page, "w");
  check((await pixels()) === wide, "w did not go back");
  await press(page, "i");
  check((await pixels()) !== wide, "an icicle is a flame");
  await press(page, "f");
  for (const name of ["lines", "files", "threads", "functions"]) {
    await press(page, "t");
    check((await page.$$eval(".stacked .pick button[aria-pressed=true]", list => list.map(b => b.textContent))).includes(name), `key t: not ${name}`);
    check((await rows()).length > 0, `no ${name}`);
  }
  await press(page, "c");
  check((await rows()).some(row => row.includes("<module>")), "with what it called <module> has nothing");
  await click(page, "show", ".findings");
  check(!!(await page.$(".scroll .picked")), "a finding chose no row");
  await page.focus(".flame canvas");
  await press(page, "ArrowUp", "ArrowUp");
  check(/→ .* ±.*: /.test(await text_of(page, ".flame .detail")), `a box says ${await text_of(page, ".flame .detail")}`);
  await press(page, "Enter");
  check(/zoomed to/.test(await text_of(page, ".flame .detail")), "Enter zooms to no box");
  await press(page, "Escape");
  await page.focus("#find");
  await page.keyboard.type("save");
  await settle(page);
  check((await rows()).every(row => row.includes("save")) && /boxes have "save"/.test(await text_of(page, ".flame .detail")), "find");
  const again = await open("diff.html", await page.evaluate(() => location.hash));
  check((await again.$eval("#find", el => el.value)) === "save" && (await again.$$eval("[aria-pressed=true]", list => list.map(b => b.textContent).join())) === (await page.$$eval("[aria-pressed=true]", list => list.map(b => b.textContent).join())), "the address of a diff does not keep its state");
  await again.close();
  quiet(page, "a diff in use");
  await page.close();
  for (const scheme of ["light", "dark"]) {
    const one = await open("diff.html", `#d=${scheme}&b=lines`);
    await check_axe(one, `diff, ${scheme}`, { rules: scheme === "light" ? null : ["color-contrast"] });
    await picture(one, `diff-${scheme}`, { fullPage: true });
    await one.close();
  }
  const narrow = await open("diff.html", "", { width: 400 }), over = await narrow.evaluate(() => document.documentElement.scrollWidth - innerWidth), free = await free_beside(narrow);
  check(over <= 0, `a diff, 400 px wide: ${over} px to scroll`);
  check(Math.abs(free) <= 1, `a diff, 400 px wide: ${free} px beside the last column`);
  await picture(narrow, "diff-narrow", { fullPage: true });
  await narrow.close();
  const hostile = await open("diff_hostile.html"), strange = await hostile.evaluate(() => [document.body.innerText, document.title].join().match(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g));
  check(!strange && (await hostile.$$("script")).length === 2 && !(await hostile.$("img, iframe, object, embed, link")), `a diff of hostile names: ${JSON.stringify(strange)}`);
  quiet(hostile, "a diff of hostile names");
  await hostile.close();
  if (!chromium) return;
  const silent = await open("diff.html", "", { ready: null, scripts: false }), still = await silent.evaluate(() => document.body.innerText);
  check(/parse/.test(still) && /more/.test(still) && /1 in 20 may be chance/.test(still), "a diff without scripts says nothing");
  await silent.close();
  const paper = await open("diff.html");
  await paper.emulateMediaType("print");
  await picture(paper, "diff-print", { fullPage: true });
  await paper.close();
}

// A newcomer finds a stall by clicking alone: in what stands out, then among the stalls.
async function use_stalls() {
  const stalls = await open("stall.html"), all = (await text_of(stalls, "#tab-stalls")).match(/\d+/)[0];
  check(Number(all) >= 3, `${all} stalls of samples/stall.py`);
  await click(stalls, "show", ".findings li:first-child");
  check(/t=/.test(await stalls.evaluate(() => location.hash)), "a finding chose no range");
  const rows = await stalls.$$("#panel tbody tr button.link"), told = [];
  for (let i = 0; i < rows.length; i++) {
    await (await stalls.$$("#panel table:first-of-type tbody tr button.link"))[i].click();
    await settle(stalls);
    told.push(await text_of(stalls, "#panel .picked") + (await text_of(stalls, "#panel .stall")));
  }
  // on a busy machine there may be more of them, and one that computes may have waited for a CPU most of it
  for (const wanted of [/(computed for|was ready for|waited) .*make_report/, /was blocked for .*read_slowly/, /for the GIL.*exporter.*export /])
    check(told.some(text => wanted.test(text)), `no stall says ${wanted}: ${told.join(" | ")}`);
  check(told.some(text => /tasks? of its loop waited for.* (began|begun|ended)tasks(task name)?waits forchainwhere\d+/.test(text)), `no stall says what tasks waited for: ${told.join(" | ")}`);
  check(!/undefined|NaN/.test(told.join()), `stalls: ${told.join(" | ")}`);
  await picture(stalls, "stall", { fullPage: true });
  quiet(stalls, "stalls");
  await stalls.close();
}

// Both themes, with each tab, and narrow.
async function use_looks() {
  for (const scheme of ["light", "dark"]) {
    const one = await open("busy.html", `#d=${scheme}`);
    check((await one.evaluate(() => document.documentElement.dataset.theme)) === scheme, `no ${scheme} theme`);
    for (const name of chromium || full ? ["source", "stalls", "gil", "threads", "processes", "info"] : []) {
      await one.click("#tab-" + name);
      await settle(one);
      // evaluated in the page by the debugger, which no content policy forbids
      await check_axe(one, `${scheme}, ${name}`, { part: name === "source" ? "html" : "#panel", rules: scheme === "light" ? null : ["color-contrast"] });
    }
    await one.evaluate(() => { location.hash += "&f=0&x=source"; });
    await settle(one);
    await picture(one, scheme + "-whole", { fullPage: true });
    quiet(one, scheme);
    await one.close();
  }
  for (const width of [800, 400]) {
    const narrow = await open("busy.html", "", { width });
    const over = await narrow.evaluate(() => document.documentElement.scrollWidth - innerWidth), free = await free_beside(narrow);
    check(over <= 0, `${width} px wide: ${over} px to scroll`);
    check(Math.abs(free) <= 1, `${width} px wide: ${free} px beside the last column`);
    await picture(narrow, "narrow" + width, { fullPage: true });
    await narrow.close();
  }
}

// For people to look at: with PYREC_MATRIX=full, else that the browser can draw it at all.
const picture = (page, name, more = {}) => (full || name === "light") && page.screenshot({ path: join(shots, `${browser_name}-${name}.png`), ...more });

try {
  const base64 = readFileSync(join(folder, "busy.html"), "utf8").match(/id="data">([^<]*)</)[1], trace = await unpack(base64);
  const page = await open("busy.html");
  await picture(page, "light");
  await use_mouse(page, trace);
  await use_tabs(page);
  await use_keys(page, trace);
  await use_hash(page);
  quiet(page, "in use");
  await page.close();

  if (wide) {
    await use_stalls();
    await use_looks();
  }
  const halts = await open("halts.html"), drawn = await halts.$eval(".timeline canvas", canvas => {
    const { data: pixels } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height), seen = new Set();
    for (let i = 0; i < pixels.length; i += 4) seen.add(pixels[i] << 16 | pixels[i + 1] << 8 | pixels[i + 2]);
    return [...document.querySelectorAll("span.state b")].map(el => {
      const [r, g, b] = getComputedStyle(el).backgroundColor.match(/\d+/g).map(Number);
      return [el.parentNode.textContent, seen.has(r << 16 | g << 8 | b)].join();
    });
  });
  check(drawn.join("; ") === "waits until the world goes on,true; waits for an object's lock,true; stops the world,true", `without a GIL: ${drawn}`);
  await check_axe(halts, "without a GIL");
  quiet(halts, "without a GIL");
  await halts.close();
  const hostile = await open("hostile.html");
  for (const name of ["stalls", "gil", "threads", "processes", "info", "source"]) await hostile.click("#tab-" + name);
  check(/sources could not be read/.test(await text_of(hostile, "#panel")), "nothing is said of sources that are not there");
  const strange = await hostile.evaluate(() => [document.body.innerText, document.title].join().match(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g));
  check(!strange, `hostile names: ${JSON.stringify(strange)} in the text`);
  check((await hostile.$$("script")).length === 2 && !(await hostile.$("img, iframe, object, embed, link")), "hostile names became elements");
  await picture(hostile, "hostile");
  quiet(hostile, "hostile names");
  await hostile.close();

  if (wide) await use_diff();

  const cut = await open("cut.html", "", { ready: "failed" });
  const alert = await text_of(cut, "[role=alert]");
  check(/^the data of this page is cut off or damaged/.test(alert), `cut data: ${alert}`);
  check((await text_of(cut, "#static")).includes("walk"), "cut data: the static part is gone");
  quiet(cut, "cut data");
  await cut.close();

  if (chromium && wide) {
    const silent = await open("busy.html", "", { ready: null, scripts: false });
    const text = await silent.evaluate(() => document.body.innerText);
    check(/without/.test(text) && /walk/.test(text) && /parser-0/.test(text), "without scripts nothing can be read");
    await picture(silent, "noscript");
    await silent.close();
    const paper = await open("busy.html");
    const pdf = await paper.pdf({ path: join(shots, "chromium-print.pdf"), preferCSSPageSize: true });
    check(pdf.length > 10000, "the print is empty");
    await paper.emulateMediaType("print");
    await picture(paper, "print", { fullPage: true });
    await paper.close();
  }
} finally {
  await browser.close();
}
console.log(`${browser_name}: ${failed ? failed + " wrong" : "right"}`);
process.exit(failed ? 1 : 0);
