// Two languages and two widths, one story each; the system's chromium (the download is switched off in scripts/test).
import { existsSync } from "node:fs";
import { defineConfig } from "@playwright/test";

const places = [process.env.CHATER_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = places.find((place) => place && existsSync(place));
if (!executablePath) throw new Error("no chromium: install it (apt-get install chromium) or set CHATER_CHROMIUM");

const sizes = { phone: { width: 360, height: 740 }, desktop: { width: 1280, height: 800 } };

// The long stories run in one project of each language and one of each size, the thousands once; the conversation runs
// in all four.
const ONE = ["noscript", "account", "welcome", "list", "search", "install", "routes", "details", "proofs", "groups"];
const OTHER = ["live", "chat", "reading"];
function elsewhere(language, size) {
  const one = (language === "ru") === (size === "desktop");
  const names = [...(one ? OTHER : ONE), ...(language === "ru" && size === "desktop" ? [] : ["many"])];
  return names.map((name) => `${name}.spec.js`);
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
      testIgnore: elsewhere(language, size),
      metadata: { language, size },
      use: { viewport, timezoneId: "Europe/Moscow", locale: language === "ru" ? "ru-RU" : "en-GB" },
    })),
  ),
});
