// Mailboxes: an owner volunteers, another node's owner chooses, and evicting asks first. And one's own data as a file.
import { readFile } from "node:fs/promises";
import { expect } from "@playwright/test";
import { isAccessible } from "./axe.js";
import { Caller, pair } from "./nodes.js";
import { PASSWORD, test } from "./people.js";

const WORDS = {
  ru: { link: "Кто хранит мою почту, чью храню я", offer: "Хранить почту для других", quota: "Места для всех, МБ", save: "Сохранить", bad: "Места: от 10 МБ", choose: "Выбрать", keeps: "хранит", evict: "Выселить", cancel: "Отмена", evicted: "не храним", again: "Хранить снова", download: "Скачать" },
  en: { link: "Who keeps my mail, whose I keep", offer: "Keep mail for others", quota: "Room for all, MB", save: "Save", bad: "Room: 10 MB at least", choose: "Choose", keeps: "keeps it", evict: "Evict", cancel: "Cancel", evicted: "not kept", again: "Keep again", download: "Download" },
};

let nodes;

test.beforeAll(async ({}, info) => {
  nodes = await pair(info.project.metadata.language);
});

test.afterAll(async () => {
  for (const node of Object.values(nodes ?? {})) await node.remove();
});

const both = async (someone, name) => {
  for (const theme of ["light", "dark"]) {
    await someone.page.emulateMedia({ colorScheme: theme });
    await isAccessible(someone.page, `${name} ${theme}`);
    await someone.isWell();
  }
  await someone.page.emulateMedia({ colorScheme: "light" });
};

test("an owner keeps mail for a neighbour, who chooses it, and may throw it out again", async ({ open }, info) => {
  test.setTimeout(120_000);
  const text = WORDS[info.project.metadata.language];
  const klen = await open(nodes.dom, "klen");
  await klen.registers();
  const { page } = klen;
  await page.goto(`${nodes.dom.url}/network`);
  await page.getByRole("link", { name: text.link }).click();
  await page.getByRole("switch", { name: text.offer }).check();
  await page.getByLabel(text.quota).fill("9");
  await page.getByRole("button", { name: text.save }).click();
  await expect(page.getByRole("alert")).toHaveText(text.bad);
  await expect(page.getByRole("switch", { name: text.offer }), "what was typed stays").toBeChecked();
  klen.faults = klen.faults.filter((fault) => !fault.includes("422"));
  await page.getByLabel(text.quota).fill("50");
  await page.getByRole("button", { name: text.save }).click();
  await expect(page.getByLabel(text.quota)).toHaveValue("50");
  await both(klen, "mail of a volunteer");

  const sova = await open(nodes.dacha, "sova");
  await sova.registers();
  await expect(async () => {
    await sova.page.goto(`${nodes.dacha.url}/network/mail`);
    await sova.page.getByRole("button", { name: /dom/ }).filter({ hasText: text.choose }).click({ timeout: 1_000 });
  }).toPass();
  await expect(async () => {
    await sova.page.reload();
    await expect(sova.page.locator("main li").filter({ hasText: "dom" })).toContainText(text.keeps, { timeout: 500 });
  }).toPass();
  await both(sova, "mail that is kept elsewhere");
  await sova.shows(info, "mail-mine");

  await page.reload();
  const row = page.getByRole("row").filter({ hasText: "dacha" });
  await expect(row).toBeVisible();
  await klen.shows(info, "mail-kept");
  await row.getByRole("link", { name: text.evict }).click();
  await expect(page.getByRole("heading", { level: 1 })).toContainText("dacha");
  await expect(page.getByRole("link", { name: text.cancel })).toBeFocused();
  await both(klen, "asks before evicting");
  await page.getByRole("link", { name: text.cancel }).click();
  await expect(row, "nothing happened").not.toContainText(text.evicted);
  await row.getByRole("link", { name: text.evict }).click();
  await page.getByRole("button", { name: text.evict }).click();
  await expect(row).toContainText(text.evicted);
  await row.getByRole("button", { name: text.again }).click();
  await expect(page.getByRole("row").filter({ hasText: "dacha" })).toHaveCount(0);
});

test("one's own data comes as a file that says it is whole", async ({ open }, info) => {
  const text = WORDS[info.project.metadata.language];
  const rys = await open(nodes.dom, "rys");
  await rys.registers();
  const olha = await new Caller(nodes.dacha, "olha").registers(PASSWORD);
  const chat = await olha.finds("rys@dom");
  await olha.sends(chat, "Это останется со мной");
  await expect(rys.card("olha")).toBeVisible();
  await rys.page.goto(`${nodes.dom.url}/settings/profile`);
  const coming = rys.page.waitForEvent("download");
  await rys.page.getByRole("button", { name: text.download }).click();
  const download = await coming;
  expect(download.suggestedFilename()).toBe("chater-rys.json");
  const data = JSON.parse(await readFile(await download.path(), "utf8"));
  expect(data.complete).toBe(true);
  expect(data.user.nick).toBe("rys");
  expect(data.chats).toHaveLength(1);
  expect(data.chats[0].people[0].nick).toBe("olha");
  expect(data.chats[0].messages.map((message) => message.text)).toEqual(["Это останется со мной"]);
  expect(data.pictures).toEqual({});
});
