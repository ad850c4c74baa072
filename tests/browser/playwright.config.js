// Two languages and two widths; the system's chromium (the download is switched off in scripts/test).
import { existsSync, readdirSync } from "node:fs";
import { defineConfig } from "@playwright/test";

const places = [process.env.CHATER_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = places.find((place) => place && existsSync(place));
if (!executablePath) throw new Error("no chromium: install it (apt-get install chromium) or set CHATER_CHROMIUM");

const sizes = { phone: { width: 360, height: 740 }, desktop: { width: 1280, height: 800 } };

// Where a file of stories runs: in both languages and both sizes. The others than these run in the first two.
const PAIR = ["ru-desktop", "en-phone"];
const OTHER = ["ru-phone", "en-desktop"];
const WHERE = { conversation: [...PAIR, ...OTHER], live: OTHER, chat: OTHER, reading: OTHER, many: ["ru-desktop"] };
// The short form, which scripts/test runs: what asks for both languages in both, the others once, spread over the projects.
// CHATER_EVERY=1 runs all.
const SHORT = {
  account: ["en-phone"], chat: ["en-desktop"], details: ["ru-desktop"], install: ["ru-desktop"], list: ["ru-desktop"], live: ["ru-phone"],
  noscript: ["ru-desktop"], owner: ["ru-desktop"], proofs: ["en-phone"], reading: ["ru-phone"], search: ["en-phone"], welcome: ["ru-desktop"],
};

const stories = readdirSync(import.meta.dirname).filter((name) => name.endsWith(".spec.js"));
function runs(file, project) {
  const name = file.replace(".spec.js", "");
  const full = WHERE[name] ?? PAIR;
  return (process.env.CHATER_EVERY ? full : (SHORT[name] ?? full)).includes(project);
}

export default defineConfig({
  testDir: ".",
  outputDir: "test-results",
  // Each has nodes and people of its own.
  workers: Number(process.env.CHATER_WORKERS ?? 2),
  // Two cores run two browsers and their nodes: a story that a busy moment has failed is tried again, and named flaky.
  retries: 2,
  timeout: 90_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    browserName: "chromium",
    screenshot: "only-on-failure",
    // Recording every step slows all stories down by a third; a failure leaves its picture in any case.
    trace: process.env.CHATER_TRACE ? "retain-on-failure" : "off",
    launchOptions: {
      executablePath,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        // A node of this machine under an address that looks like one of another: no secure context.
        "--host-resolver-rules=MAP 198.51.100.7 127.0.0.1",
      ],
    },
  },
  projects: ["ru", "en"].flatMap((language) =>
    Object.entries(sizes).map(([size, viewport]) => ({
      name: `${language}-${size}`,
      testIgnore: stories.filter((file) => !runs(file, `${language}-${size}`)),
      metadata: { language, size },
      use: { viewport, timezoneId: "Europe/Moscow", locale: language === "ru" ? "ru-RU" : "en-GB" },
    })),
  ),
});
