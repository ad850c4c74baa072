// A node that is gone with its disk: its person types the 24 words on another node, and the chats come back; the lost home is ended there.
import { expect } from "@playwright/test";
import { isAccessible } from "./axe.js";
import { Caller, Node, pair } from "./nodes.js";
import { PASSWORD, test } from "./people.js";

let nodes;

test.beforeAll(async ({}, info) => {
  const { language } = info.project.metadata;
  nodes = await pair(language);
  nodes.lab = await new Node("lab", language, ["--peer", nodes.dacha.p2p]).up();
});

test.afterAll(async () => {
  for (const node of Object.values(nodes ?? {})) await node.remove();
});

const TEXT = {
  ru: { show: "Показать слова", words: "Слова восстановления", fresh: "Новый пароль", next: "Войти с новым паролем", known: "знают вас как klen", live: "Жить здесь", homes: "Показать дома", stolen: "Ключи у чужих", end: "Завершить дом", here: "используется здесь", ended: "завершён", keys: "У пользователя klen новые ключи на узле lab", former: "Прежние ключи пользователя klen на узле dom больше не действуют", safety: "Код безопасности" },
  en: { show: "Show the words", words: "Recovery words", fresh: "New password", next: "Log in with the new password", known: "know you as klen", live: "Live here", homes: "Show the homes", stolen: "Others have its keys", end: "End the home", here: "in use here", ended: "ended", keys: "klen has new keys on node lab", former: "The former keys of klen on node dom count no more", safety: "Safety number" },
};

test("the 24 words open a home on another node when the old one is gone for good", async ({ open }, info) => {
  const texts = TEXT[info.project.metadata.language];
  const klen = await open(nodes.dom, "klen");
  await klen.registers();
  const sova = await new Caller(nodes.dacha, "sova").registers(PASSWORD);
  const chat = await sova.finds("klen@dom");
  await sova.sends(chat, "до потери");
  await klen.opensCard("sova");
  await klen.sends("ответ со старого узла");
  await klen.seesState("ответ со старого узла", /delivered|read/);
  await klen.page.goto(`${nodes.dom.url}/settings/words`);
  await klen.page.getByLabel(klen.words.password, { exact: true }).fill(PASSWORD);
  await klen.page.getByRole("button", { name: texts.show }).click();
  const phrase = await klen.page.locator("ol.words li").allInnerTexts();
  expect(phrase).toHaveLength(24);
  klen.faults = [];
  await klen.page.close();
  await nodes.dom.down("SIGKILL");
  await sova.sends(chat, "пока тебя нет");
  const friend = await open(nodes.dacha, "sova");
  await friend.logsIn();
  await friend.opensCard("klen");

  const again = await open(nodes.lab, "klen");
  const { page } = again;
  await page.goto(`${nodes.lab.url}/recover`);
  await page.getByLabel(texts.words, { exact: true }).fill(phrase.join(" "));
  await page.getByLabel(texts.fresh, { exact: true }).fill("another long password");
  await page.getByRole("button", { name: texts.next }).click();
  await expect(page.getByText(texts.known)).toBeVisible();
  await expect(page.locator("#nick")).toHaveValue("klen");
  await isAccessible(page);
  await again.shows(info, "arrive");
  await again.isWell();
  await page.getByRole("button", { name: texts.live }).click();
  // Whoever is first on a node is shown around; the list is a click away.
  await expect(page).toHaveURL(/\/welcome/);
  await page.goto(nodes.lab.url);

  // The chat comes by itself, with what was written before and meanwhile; both ways go on from here.
  await expect(again.card("sova")).toBeVisible({ timeout: 30_000 });
  await again.card("sova").click();
  await again.sees("пока тебя нет");
  await again.shows(info, "arrived-chat");
  await again.sends("я теперь здесь");
  await sova.receives(chat, "я теперь здесь");
  await sova.sends(chat, "вижу тебя");
  await again.sees("вижу тебя");

  // The open page of the other one tells of the new keys where they were heard of, and leads to what is compared.
  const told = friend.page.locator("li.sys");
  await expect(told).toHaveText([new RegExp(texts.keys), texts.former]);
  await expect(friend.page.locator("li.msg").first()).toContainText("до потери");
  await friend.sees("вижу тебя");
  await friend.shows(info, "home-told");
  await isAccessible(friend.page);
  await told.getByRole("link").click();
  await expect(friend.page.getByRole("heading", { name: texts.safety })).toBeVisible();
  await friend.isWell();

  // The lost home stands there as ended, and is ended in every chat, too, when somebody may have its keys.
  await page.goto(`${nodes.lab.url}/settings/sessions`);
  await page.getByRole("link", { name: texts.homes }).click();
  const rows = page.locator("fieldset .line");
  await expect(rows).toHaveCount(2);
  await expect(rows.first()).toContainText(texts.here);
  await expect(rows.last()).toContainText(texts.ended);
  await isAccessible(page);
  await rows.last().locator("input").check();
  await page.getByText(texts.stolen, { exact: true }).click();
  await again.shows(info, "homes");
  await page.getByLabel(again.words.password, { exact: true }).fill("another long password");
  await page.getByRole("button", { name: texts.end }).click();
  await expect(page.getByRole("status").first()).toBeVisible();
  await again.isWell();
  await again.opensCard("sova");
  await again.sees("вижу тебя");
  await again.sends("и дальше");
  await sova.receives(chat, "и дальше");
});
