// SPDX-License-Identifier: MIT
// How fast a page is in Chromium: bench.py runs it. Times are of this machine; nothing fails.
//
// usage: node bench.mjs PROGRAM PAGE.html      (beside it puppeteer-core in node_modules)
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const [executablePath, path] = process.argv.slice(2), ROUNDS = 5, BRUSHES = 12;
const median = list => [...list].sort((a, b) => a - b)[list.length >> 1];
const browser = await puppeteer.launch({ browser: "chrome", executablePath, headless: true, protocolTimeout: 600000, args: ["--no-sandbox", "--disable-gpu", "--enable-precise-memory-info"] });
const ready = [], paint = [], brushes = [];
let heap = 0;
for (let round = 0; round < ROUNDS; round++) {
  const page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 900 });
  await page.goto(pathToFileURL(path).href, { waitUntil: "load", timeout: 600000 });
  await page.waitForFunction(() => document.documentElement.dataset.ready, { timeout: 600000, polling: 20 });
  ready.push(await page.evaluate(() => performance.now()));
  paint.push(await page.evaluate(() => performance.getEntriesByType("paint").find(e => e.name === "first-contentful-paint")?.startTime ?? 0));
  const box = await (await page.$(".timeline canvas")).boundingBox(), y = box.y + 60, left = box.x + 180, room = box.width - 200;
  for (let i = 0; i < BRUSHES; i++) {
    const a = left + room * (0.05 + 0.04 * i), b = a + room * (0.1 + 0.02 * i);
    await page.mouse.move(a, y);
    await page.mouse.down();
    await page.mouse.move(b, y, { steps: 2 });
    // from letting go to the frame in which everything below is drawn
    await page.evaluate(() => {
      window.took = new Promise(done => addEventListener("pointerup", () => {
        const from = performance.now();
        requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - from)));
      }, { once: true, capture: true }));
    });
    await page.mouse.up();
    brushes.push(await page.evaluate(() => window.took));
  }
  heap = Math.max(heap, await page.evaluate(() => performance.memory.usedJSHeapSize));
  await page.close();
}
await browser.close();
const ms = x => Math.round(x);
console.log(`first paint ${ms(median(paint))} ms, ready ${ms(median(ready))} ms (best ${ms(Math.min(...ready))}), brush to the frame drawn ${ms(median(brushes))} ms (best ${ms(Math.min(...brushes))}), heap ${ms(heap / 1e6)} MB`);
