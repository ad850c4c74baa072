// Takes a picture of every page: both languages, four widths, two themes. `node screenshots.js FOLDER`; see scripts/screenshots.
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { chromium } from "@playwright/test";
import config from "./playwright.config.js";
import { PASSWORD, routes, village } from "./village.js";

const folder = resolve(process.argv[2] ?? "screenshots");
const WIDTHS = { 360: 740, 768: 1024, 1280: 800, 1440: 900 };
const THEMES = ["light", "dark"];
mkdirSync(folder, { recursive: true });

const browser = await chromium.launch(config.use.launchOptions);
const running = [];
const end = async () => {
  await browser.close();
  for (const place of running) await place.remove();
};
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => end().then(() => process.exit(130)));

async function signIn(context, person) {
  const page = await context.newPage();
  await page.goto(`${person.node.url}/login`);
  await page.locator("input[name=nick]").fill(person.nick);
  await page.locator("input[name=password]").fill(PASSWORD);
  await page.locator("main form button").click();
  await page.waitForURL((url) => url.pathname === "/");
  return page;
}

const shots = [];
async function take(page, name, language, width, theme) {
  const file = `${name}-${width}-${theme}-${language}.png`;
  await page.evaluate(() => document.fonts.ready);
  await page.screenshot({ path: join(folder, file) });
  shots.push(file);
}

async function tour(language) {
  const place = await village(language);
  running.push(place);
  const { nodes, people, chat, message } = place;
  const locale = language === "ru" ? "ru-RU" : "en-GB";
  const settings = { locale, timezoneId: "Europe/Moscow", viewport: { width: 1280, height: 800 } };
  // The friend reads along and answers with a heart.
  const friend = await browser.newContext(settings);
  const theirs = await signIn(friend, people.friend);
  await theirs.goto(`${people.friend.node.url}/c/${chat}`);
  await theirs.evaluate(([id, path]) => fetch(path, { method: "POST", body: new URLSearchParams({ _csrf: document.body.dataset.csrf, add: "❤" }) }), [message, `/c/${chat}/m/${message}/react`]);

  const mine = await browser.newContext(settings);
  const first = await signIn(mine, people.me);
  await first.goto(`${nodes.dom.url}/c/${chat}`);
  await first.waitForTimeout(1500); // both have read, marks are exchanged
  const state = await mine.storageState();
  for (const [width, height] of Object.entries(WIDTHS)) {
    for (const theme of THEMES) {
      const look = { ...settings, colorScheme: theme, viewport: { width: Number(width), height } };
      const contexts = { true: await browser.newContext({ ...look, storageState: state }), false: await browser.newContext(look) };
      const pages = { true: await contexts.true.newPage(), false: await contexts.false.newPage() };
      for (const { name, path, inside } of routes(place)) {
        const page = pages[inside];
        await page.goto(nodes.dom.url + path, { waitUntil: "load" });
        if (name === "search-found") await page.waitForTimeout(800);
        await take(page, name, language, width, theme);
      }
      // What is no page of its own: dialogs, the menu of a message, the offer of notifications.
      const page = pages.true;
      await page.goto(`${nodes.dom.url}/c/${chat}`);
      await page.locator(`[data-id="${message}"] [data-path]`).click();
      await page.locator("dialog[open]").waitFor();
      await take(page, "dialog-path", language, width, theme);
      await page.keyboard.press("Escape");
      await page.locator(`[data-id="${message}"]`).focus();
      await page.keyboard.press("Enter");
      await page.locator("[data-menu]").waitFor();
      await take(page, "dialog-menu", language, width, theme);
      await page.keyboard.press("Escape");
      await page.evaluate(() => localStorage.setItem("chater.ask", "0 0"));
      await page.goto(nodes.dom.url);
      await page.waitForTimeout(300);
      await take(page, "notify-ask", language, width, theme);
      for (const context of Object.values(contexts)) await context.close();
    }
  }
  // The node goes away under an open chat.
  await first.goto(`${nodes.dom.url}/c/${chat}`);
  await nodes.dacha.down();
  await nodes.dom.down();
  await first.locator("[data-banner]:not([hidden])").waitFor();
  await take(first, "banner", language, "1280", "light");
  await first.setViewportSize({ width: 360, height: 740 });
  await take(first, "banner", language, "360", "light");
  await friend.close();
  await mine.close();
}

// One sheet for each language, width and theme.
async function sheets() {
  for (const language of ["ru", "en"]) {
    for (const width of Object.keys(WIDTHS)) {
      for (const theme of THEMES) {
        const some = shots.filter((file) => file.endsWith(`-${width}-${theme}-${language}.png`));
        const side = width === "360" ? 180 : 420;
        const figures = some.map((file) => `<figure style="margin:4px;width:${side}px;font:12px sans-serif"><img src="${file}" width="${side}"><figcaption>${file}</figcaption></figure>`);
        const html = `<!doctype html><meta charset="utf-8"><body style="margin:0;display:flex;flex-wrap:wrap;background:#888">${figures.join("")}`;
        writeFileSync(join(folder, `sheet-${width}-${theme}-${language}.html`), html);
        const page = await browser.newPage({ viewport: { width: width === "360" ? 1520 : 1720, height: 800 } });
        await page.goto(`file://${join(folder, `sheet-${width}-${theme}-${language}.html`)}`);
        await page.screenshot({ path: join(folder, `sheet-${width}-${theme}-${language}.png`), fullPage: true });
        await page.close();
      }
    }
  }
}

try {
  for (const language of ["ru", "en"]) await tour(language);
  await sheets();
  console.log(`${shots.length} pictures and their sheets in ${folder}`);
} finally {
  await end();
}
