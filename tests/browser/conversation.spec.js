// Two browsers on two nodes: from registration to a reply that was read.
import { expect } from "@playwright/test";
import { Caller, pair } from "./nodes.js";
import { PASSWORD, test } from "./people.js";

let nodes;

test.beforeAll(async ({}, info) => {
  nodes = await pair(info.project.metadata.language);
});

test.afterAll(async () => {
  for (const node of Object.values(nodes ?? {})) await node.remove();
});

test("people of two nodes talk", async ({ open }, info) => {
  const klen = await open(nodes.dom, "klen");
  const sova = await open(nodes.dacha, "sova");

  // Nobody is on the node yet: every page leads to the first registration.
  await klen.page.goto(nodes.dom.url);
  await expect(klen.heading(klen.words.register)).toBeVisible();
  await klen.shows(info, "1-register");
  await klen.registers();
  await sova.registers();
  await klen.shows(info, "2-empty");
  await klen.isWell();

  // The beginning of a name is enough, and the person lives on the other node.
  await klen.searches("so");
  await expect(klen.result("sova@dacha")).toBeVisible();
  await klen.shows(info, "3-search");
  await klen.isWell();
  await klen.opensChatWith("so", "sova@dacha");
  await expect(klen.page.locator("[data-blank] .art")).toBeVisible();

  const hello = "Привет! <b>Как</b> вода в озере? & <img src=x onerror=alert(1)>";
  await klen.sends(hello);
  await expect(klen.page.locator("[data-blank]")).toHaveCount(0);
  await klen.seesState(hello, /^(delivered|read)$/);

  // The other side: a card in the list, unread; the chat; an answer.
  await expect(sova.card("klen")).toBeVisible();
  await sova.shows(info, "4-list");
  await sova.isWell();
  await sova.card("klen").click();
  await sova.sees(hello);
  await klen.seesState(hello, "read");
  await sova.sends("Тёплая, приезжайте");
  await klen.sees("Тёплая, приезжайте");
  await sova.seesState("Тёплая, приезжайте", "read");
  await klen.shows(info, "5-chat");
  await sova.shows(info, "6-chat-other");
  await klen.isWell();

  // Enter sends, empty sends nothing, and a reload shows the same.
  await klen.composer.fill("Выезжаем в шесть?");
  await klen.composer.press("Enter");
  await klen.sees("Выезжаем в шесть?");
  await sova.sees("Выезжаем в шесть?");
  await klen.sendButton.click();
  await klen.composer.fill("   ");
  await klen.sendButton.click();
  await klen.page.reload();
  await expect(klen.page.locator(".msg")).toHaveCount(3);
  await klen.isWell();
  await sova.isWell();
});

test("a node that is away is waited for, and the marks tell the truth", async ({ open }, info) => {
  const lis = await open(nodes.dom, "lis");
  const rys = await open(nodes.dacha, "rys");
  await lis.registers();
  await rys.registers();
  await lis.opensChatWith("ry", "rys@dacha");
  await lis.sends("раз");
  await lis.seesState("раз", /^(delivered|read)$/);

  await nodes.dacha.down();
  await lis.seesState("раз", /^(delivered|read)$/);
  await lis.page.evaluate(() => (window.stayed = true));
  await lis.page.clock.install();
  await lis.sends("два");
  await lis.seesState("два", "stored");
  // Not for a short absence: after a minute, and since when.
  await lis.page.clock.fastForward(50_000);
  await expect(lis.page.getByText(lis.words.away)).toBeHidden();
  await lis.page.clock.fastForward(15_000);
  await expect(lis.page.getByText(lis.words.away)).toContainText(lis.words.since);
  await lis.shows(info, "7-waiting");
  await lis.message("два").locator("[data-path]").click();
  await expect(lis.page.locator("dialog[open] .route")).toContainText(lis.words.nextTry);
  await expect(lis.page.locator("dialog[open] .route time"), "written, here, next attempt").toHaveCount(3);
  await lis.shows(info, "7-path");
  await lis.page.keyboard.press("Escape");
  await nodes.dacha.up();
  await lis.seesState("два", "delivered");
  await expect(lis.message("два").locator("[data-state-text]")).toHaveText(lis.words.delivered);
  await expect(lis.page.getByText(lis.words.away)).toBeHidden();
  expect(await lis.page.evaluate(() => window.stayed), "no reload").toBe(true);
  await rys.opensCard("lis");
  await rys.sees("два");

  // One's own node away: the page says so, and what was typed is sent later, once.
  await nodes.dom.down();
  await lis.composer.fill("три");
  await lis.sendButton.click();
  await nodes.dom.up();
  await lis.seesState("три", /^(delivered|read)$/);
  await rys.sees("три");
  await expect(rys.message("три")).toHaveCount(1);
});

test("a wrong password is told and the language can be changed", async ({ open }, info) => {
  const { language } = info.project.metadata;
  await new Caller(nodes.dom, "vladelec").registers(PASSWORD); // else the node asks for its first user
  const someone = await open(nodes.dom, "nobody");
  await someone.logsIn("not the password");
  await expect(someone.page.getByText(someone.words.bad)).toBeVisible();
  await someone.shows(info, "8-login");
  // A refused login is an answer with an error status, which the browser notes in its console.
  someone.faults = someone.faults.filter((fault) => !fault.includes("Failed to load resource"));
  await someone.isWell();
  const other = language === "ru" ? "en" : "ru";
  await someone.page.getByRole("button", { name: other === "en" ? "English" : "Русский", exact: true }).click();
  await expect(someone.page.locator("html")).toHaveAttribute("lang", other);
});
