// With scripts off everything still works by forms and links.
import { expect } from "@playwright/test";
import { Node } from "./nodes.js";
import { test } from "./people.js";

let node;

test.beforeAll(async ({}, info) => {
  node = await new Node("dom", info.project.metadata.language).up();
});

test.afterAll(async () => {
  await node?.remove();
});

test("register, log out, log in, find somebody here, send, answer", async ({ open }, info) => {
  const unscripted = { javaScriptEnabled: false };
  const klen = await open(node, "klen", unscripted);
  const sova = await open(node, "sova", unscripted);
  await klen.registers();
  await sova.registers();
  await klen.logsOut();
  await klen.logsIn();
  await klen.isIn();

  await klen.opensChatWith("so", "sova@dom", { enter: true });
  await klen.sends("Без скриптов тоже можно");
  await sova.opensCard("klen");
  await sova.sees("Без скриптов тоже можно");
  await sova.sends("Вижу");
  await klen.page.reload();
  await klen.sees("Вижу");
  await klen.shows(info, "noscript-chat");

  // A group, from the search for its people to a message that they read.
  await klen.page.goto(`${node.url}/groups/new`);
  await klen.page.locator("input[name=title]").fill("Кружок");
  await klen.page.locator("input[name=q]").fill("so");
  await klen.page.locator("button[name=find]").click();
  await klen.page.getByRole("checkbox", { name: /sova/ }).check();
  await klen.page.locator("main .acts button.btn.p").click();
  await expect(klen.page).toHaveURL(/\/c\/[0-9a-f]{64}$/);
  const group = klen.page.url();
  await klen.sends("Первое в кружке");
  await sova.opensCard("Кружок");
  await sova.sees("Первое в кружке");
  // What is wrong with a form of its details stands at the field, with what was typed.
  await klen.page.goto(`${group}/info`);
  const days = klen.page.locator("#link-days");
  await days.evaluate((it) => it.removeAttribute("max"));
  await days.fill("900");
  await days.press("Enter");
  await expect(klen.page.locator("#link-days-error")).toBeVisible();
  await expect(klen.page.locator("#link-days")).toHaveValue("900");
  await klen.page.goto(`${group}/info`);
  const title = klen.page.locator("#group-title");
  await title.evaluate((it) => it.removeAttribute("maxlength"));
  await title.fill("д".repeat(80));
  await title.press("Enter");
  await expect(klen.page.locator("#group-title-error")).toBeVisible();
  await expect(klen.page.locator("#group-title")).toHaveValue("д".repeat(80));
  // What was refused on purpose is no fault of the page.
  klen.faults = klen.faults.filter((fault) => !fault.includes("422"));
  await klen.changesTheLook();
  await klen.logsOut();
});
