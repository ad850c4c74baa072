// axe over the open page: no violation of WCAG 2.2 A and AA. It is run in the page's own world by the debugger, so the
// policy of the page need not be weakened for it.
import { readFileSync } from "node:fs";
import { expect } from "@playwright/test";

const source = readFileSync(new URL("./node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

export async function isAccessible(page, where = page.url()) {
  await page.evaluate(source);
  const found = await page.evaluate(() => window.axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  const told = found.violations.map((it) => `${it.id}: ${it.help}: ${it.nodes.map((node) => node.target.join(" ")).join(", ")}`);
  expect(told, where).toEqual([]);
}
