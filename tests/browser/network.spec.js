// The network page of two owners: the picture, a community by a link, a node cut off, blocked, and back again, live.
import { expect } from "@playwright/test";
import { isAccessible as axe } from "./axe.js";
import { pair } from "./nodes.js";
import { test } from "./people.js";

let nodes;

test.beforeAll(async ({}, info) => {
  nodes = await pair(info.project.metadata.language);
});

test.afterAll(async () => {
  for (const node of Object.values(nodes ?? {})) await node.remove();
});

const TEXT = {
  ru: { name: "Название", found: "Создать", invite: "Пригласить в сообщество Двор", uses: "Узлов", forNodes: "Для 2 узлов", near: "Работает только в вашей сети", link: "Ссылка", look: "Дальше", ask: "Войти в сообщество «Двор»?", join: "Вступить", one: "На связи узлов: 1", left: "Ещё 1 вход", revoke: "Отозвать", off: "Отключить", cut: "отключён вами", waiting: "Просят связать", relink: "Связать узел dacha", here: "в сети", block: "Заблокировать", blockAsk: "Заблокировать узел dacha?", blocked: "Заблокированные узлы", unblock: "Разблокировать: dacha", leave: "Выйти из сообщества Двор", leaveAsk: "Выйти из сообщества «Двор»?", leaveDo: "Выйти", map: /ваш узел dom.*Напрямую: dacha/, empty: "Введите название", badLink: "Это не ссылка" },
  en: { name: "Name", found: "Found", invite: "Invite into the community Двор", uses: "Nodes", forNodes: "For 2 nodes", near: "Works in your network only", link: "Link", look: "Next", ask: "Join the community “Двор”?", join: "Join", one: "Nodes connected: 1", left: "1 more node", revoke: "Take back", off: "Disconnect", cut: "cut off by you", waiting: "Ask to be linked", relink: "Link node dacha", here: "connected", block: "Block", blockAsk: "Block node dacha?", blocked: "Blocked nodes", unblock: "Unblock dacha", leave: "Leave the community Двор", leaveAsk: "Leave the community “Двор”?", leaveDo: "Leave", map: /your node dom.*Directly: dacha/, empty: "Enter a name", badLink: "This is no" },
};

test("two owners meet in a community, and one has enough", async ({ open }, info) => {
  test.setTimeout(120_000);
  const texts = TEXT[info.project.metadata.language];
  const klen = await open(nodes.dom, "klen");
  const sova = await open(nodes.dacha, "sova");
  for (const someone of [klen, sova]) await someone.registers();
  const { page } = klen;
  const button = (someone, name) => someone.page.getByRole("main").getByRole("button", { name, exact: true });

  // The picture says what it shows, and the table leads to the details.
  await page.goto(`${nodes.dom.url}/network`);
  const picture = page.locator("svg.map[role=img]");
  await expect(picture).toHaveAttribute("aria-label", texts.map);
  await axe(page);
  await klen.shows(info, "network");
  const row = page.getByRole("row").filter({ hasText: "dacha" });
  await row.getByRole("link").click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("dacha");
  await expect(page.getByText(/chater\/\d/)).toBeVisible();
  await axe(page);
  await klen.shows(info, "network-node");

  // A community and a link for two nodes, shown with its code.
  await page.goto(`${nodes.dom.url}/network`);
  await page.getByLabel(texts.name, { exact: true }).fill("  ");
  await page.getByLabel(texts.name, { exact: true }).press("Enter");
  await expect(page.getByRole("alert")).toContainText(texts.empty);
  klen.faults = klen.faults.filter((fault) => !fault.includes("422"));
  await page.getByLabel(texts.name, { exact: true }).fill("Двор");
  await button(klen, texts.found).click();
  await expect(page.getByRole("heading", { name: "Двор" })).toBeVisible();
  await page.locator(".circle").getByLabel(texts.uses).fill("2");
  await button(klen, texts.invite).click();
  await expect(page.getByText(texts.forNodes)).toBeVisible();
  await expect(page.getByText(texts.near)).toBeVisible();
  await expect(page.locator(".qr svg")).toBeVisible();
  const link = await page.locator("[data-link]").innerText();
  expect(link).toMatch(/^chater:community\//);
  await axe(page);
  await klen.shows(info, "network-link");

  // The other owner pastes it, sees where it leads, and comes in. The first page hears of it by itself.
  await page.goto(`${nodes.dom.url}/network`);
  await sova.page.goto(`${nodes.dacha.url}/network`);
  await sova.page.locator("#enter textarea").fill(link);
  await button(sova, texts.look).click();
  await expect(sova.page.getByRole("heading", { name: texts.ask })).toBeVisible();
  await axe(sova.page);
  await sova.shows(info, "network-join");
  await button(sova, texts.join).click();
  await expect(sova.page).toHaveURL(/\/network#c-[0-9a-f]{64}$/);
  await expect(sova.page.getByRole("heading", { name: "Двор" })).toBeVisible();
  await expect(page.locator(".circle")).toContainText(texts.one);
  await expect(page.locator(".circle")).toContainText(texts.left);
  await axe(page);
  await klen.shows(info, "network-community");
  await button(klen, texts.revoke).click();
  await expect(page.locator(".circle").getByText(texts.left)).toHaveCount(0);

  // Cut off: the node waits, until it is linked again.
  await row.getByRole("link").click();
  await button(klen, texts.off).click();
  await expect(row).toContainText(texts.cut);
  await expect(page.getByRole("heading", { name: texts.waiting })).toBeVisible({ timeout: 20_000 });
  await axe(page);
  await klen.shows(info, "network-waiting");
  await button(klen, texts.relink).click();
  await expect(row).toContainText(texts.here, { timeout: 20_000 });
  await expect(row).not.toContainText(texts.cut);
  await expect(page.getByRole("heading", { name: texts.waiting })).toHaveCount(0);

  // Blocked, after a question, and back again.
  await row.getByRole("link").click();
  await page.getByRole("main").getByRole("link", { name: texts.block }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText(texts.blockAsk);
  await axe(page);
  await button(klen, texts.block).click();
  await expect(page.getByRole("heading", { name: texts.blocked })).toBeVisible();
  await expect(row).toHaveCount(0);
  await expect(sova.page.getByRole("row").filter({ hasText: "dom" })).not.toContainText("ms", { timeout: 20_000 });
  await axe(page);
  await klen.shows(info, "network-blocked");
  await button(klen, texts.unblock).click();
  await expect(row).toBeVisible({ timeout: 20_000 });

  // Left after a question.
  await sova.page.getByRole("link", { name: texts.leave }).click();
  await expect(sova.page.getByRole("heading", { level: 1 })).toHaveText(texts.leaveAsk);
  await axe(sova.page);
  await button(sova, texts.leaveDo).click();
  await expect(sova.page.locator(".circle")).toHaveCount(0);
  for (const someone of [klen, sova]) await someone.isWell();
});
