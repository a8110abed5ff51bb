// SPDX-License-Identifier: MIT
// A picture of a page: node picture.mjs PROGRAM PAGE.html OUT.png [HASH]      PROGRAM is a Chromium
import { pathToFileURL } from "node:url";
import puppeteer from "puppeteer-core";

const [executablePath, page_path, out, hash = ""] = process.argv.slice(2);
const browser = await puppeteer.launch({ executablePath, headless: true, args: ["--no-sandbox", "--disable-gpu"] });
try {
  const page = await browser.newPage();
  await page.setViewport({ width: 1180, height: 900 });
  await page.goto(pathToFileURL(page_path).href + hash);
  await page.waitForFunction(() => document.documentElement.dataset.ready === "yes", { timeout: 60000 });
  await page.evaluate(() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done))));
  await page.screenshot({ path: out, fullPage: true });
} finally {
  await browser.close();
}
