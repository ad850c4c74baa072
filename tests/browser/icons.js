// Draws the icons of the installed page from web/static/icon.svg: `node icons.js`, after that picture has changed.
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "@playwright/test";

const folder = fileURLToPath(new URL("../../web/static/", import.meta.url));
const svg = readFileSync(`${folder}icon.svg`, "utf8");
const places = [process.env.CHATER_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const browser = await chromium.launch({ executablePath: places.find((place) => place && existsSync(place)), args: ["--no-sandbox", "--disable-gpu"] });

// A maskable one is cut to any shape by the system: its picture stays inside the middle 80 % of a filled ground.
const kinds = [["icon-192", 192, 1, "none"], ["icon-512", 512, 1, "none"], ["maskable-512", 512, 0.62, "#f4f1ea"]];
mkdirSync(`${folder}icons`, { recursive: true });
for (const [name, side, part, ground] of kinds) {
  const page = await browser.newPage({ viewport: { width: side, height: side } });
  const width = side * part;
  const style = `margin:0;display:grid;place-items:center;height:100vh;background:${ground}`;
  await page.setContent(`<body style="${style}"><div style="width:${width}px;height:${width}px">${svg}</div>`);
  await page.screenshot({ path: `${folder}icons/${name}.png`, omitBackground: true });
  await page.close();
}
await browser.close();
