// How long a browser takes to show a chat, and a message that comes while it is open. Started by scripts/bench:
// `node paint.js [--smoke] [--json FILE]`; the file is the benchmark's own, to which the figures are added.
import { readFileSync, writeFileSync } from "node:fs";
import { chromium } from "@playwright/test";
import config from "./playwright.config.js";
import { Caller, Node } from "./nodes.js";

const PASSWORD = "лодка у причала 7";
const words = process.argv.slice(2);
const rounds = words.includes("--smoke") ? 3 : 20;
const file = words.includes("--json") ? words[words.indexOf("--json") + 1] : null;
const middle = (all) => all.sort((a, b) => a - b)[Math.floor(all.length / 2)];

// Notes when a frame with a message arrives, and when the frame of the screen with it has been drawn.
function watch() {
  const Real = window.WebSocket;
  window.drawn = [];
  window.WebSocket = class extends Real {
    constructor(...args) {
      super(...args);
      // Before the page's own listener, so that all its work is inside.
      this.addEventListener("message", (event) => {
        if (JSON.parse(event.data).type !== "message") return;
        const came = performance.now();
        requestAnimationFrame(() => setTimeout(() => window.drawn.push(performance.now() - came)));
      });
    }
  };
}

const nodes = [];
const browser = await chromium.launch(config.use.launchOptions);
const figures = [];
try {
  nodes.push(await new Node("dom", "en").up());
  const [dom] = nodes;
  const friend = await new Caller(dom, "owl").registers(PASSWORD);
  await new Caller(dom, "maple").registers(PASSWORD);
  const chat = await friend.chatWith("maple");
  // A full page of messages, as most chats have.
  for (let n = 0; n < 60; n += 1) await friend.sends(chat, `message ${n} ${"and some more words ".repeat(n % 4)}`);

  const page = await (await browser.newContext({ viewport: { width: 1280, height: 800 } })).newPage();
  await page.addInitScript(watch);
  await page.goto(`${dom.url}/login`);
  await page.locator("input[name=nick]").fill("maple");
  await page.locator("input[name=password]").fill(PASSWORD);
  await page.locator("main form button").click();
  await page.waitForURL((url) => url.pathname === "/");
  const paints = [];
  // The first time fills the browser's store of files; people open chats more than once.
  for (let n = 0; n <= rounds; n += 1) {
    await page.goto(`${dom.url}/c/${chat}`, { waitUntil: "load" });
    const paint = await page.waitForFunction(() => performance.getEntriesByName("first-contentful-paint")[0]?.startTime);
    if (n > 0) paints.push(await paint.jsonValue());
  }
  await page.waitForTimeout(500);
  for (let n = 1; n <= rounds; n += 1) {
    await friend.sends(chat, `live ${n}`);
    await page.waitForFunction((many) => window.drawn.length >= many, n);
    await page.locator(".msg", { hasText: `live ${n}` }).first().waitFor();
  }
  const drawn = await page.evaluate(() => window.drawn);
  figures.push(
    { name: "first paint of a chat in a browser, p50", value: middle(paints), unit: "ms", better: "lower", must: null, aim: 200 },
    { name: "live message to pixels in a browser, p50", value: middle(drawn), unit: "ms", better: "lower", must: null, aim: 50 },
  );
} finally {
  await browser.close();
  for (const node of nodes) await node.remove();
}
for (const { name, value, unit, aim } of figures) console.log(`${name}: ${value.toFixed(1)} ${unit} (aim ${aim})`);
if (file) writeFileSync(file, `${JSON.stringify([...JSON.parse(readFileSync(file, "utf8")), ...figures], null, 2)}\n`);
