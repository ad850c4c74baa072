// The owner's pages: the home network opened and closed, room for people, a backup by the password, the log and the pill that
// follow what happens. With scripts, and the forms without them.
import { expect } from "@playwright/test";
import { isAccessible } from "./axe.js";
import { Caller, Node } from "./nodes.js";
import { PASSWORD, test } from "./people.js";

const WORDS = {
  ru: {
    open: "Открыть для домашней сети", close: "Закрыть для домашней сети", nowhere: "Сейчас у этого компьютера нет адреса в домашней сети",
    plain: "без шифрования", make: "Сделать копию", password: "Пароль", wrong: "Пароль не подходит. Проверьте раскладку.", ready: "Копия готова", room: "Может занять, МБ",
    bad: "Места: от 1 МБ до 1 ТБ", save: "Сохранить", of: "из 7 МБ", linked: "Узел dacha на связи", lost: "Узел dacha пропал из сети", one: "1 соединение", alone: "один",
    log: "Открыть журнал", opened: "Страницы открыты для домашней сети", keep: "Сколько дней хранить чужие фото", badDays: "Дней: от 0 до 365",
  },
  en: {
    open: "Open to the home network", close: "Close to the home network", nowhere: "This computer has no address in a home network now",
    plain: "without encryption", make: "Make a backup", password: "Password", wrong: "The password is wrong. Check your keyboard layout.", ready: "The backup is ready", room: "May fill, MB",
    bad: "Room: 1 MB to 1 TB", save: "Save", of: "of 7 MB", linked: "Node dacha is linked", lost: "Node dacha went away", one: "1 link", alone: "alone",
    log: "Open the log", opened: "The pages were opened to the home network", keep: "Days to keep pictures of others", badDays: "Days: 0 to 365",
  },
};

let dom;

test.beforeEach(async ({}, info) => {
  dom = await new Node("dom", info.project.metadata.language).up();
});

test.afterEach(async () => {
  await dom?.remove();
});

const both = async (someone, name) => {
  for (const theme of ["light", "dark"]) {
    await someone.page.emulateMedia({ colorScheme: theme });
    await isAccessible(someone.page, `${name} ${theme}`);
    await someone.isWell();
  }
  await someone.page.emulateMedia({ colorScheme: "light" });
};

// An answer with a status of error is noted in the console of the browser.
const forgives = (someone) => (someone.faults = someone.faults.filter((fault) => !fault.includes("422")));

// Through the page by its forms alone: the same with scripts and without.
async function goesThrough(me, guest, text, shows, looks) {
  const { page } = me;
  const click = (name) => page.getByRole("button", { name, exact: true }).click();
  await page.goto(`${dom.url}/settings/node`);
  const house = page.locator("#home");
  await expect(house.getByRole("button", { name: text.open })).toBeVisible();
  await click(text.open);
  await expect(house.getByRole("button", { name: text.close })).toBeVisible();
  await expect(house).toContainText(text.plain);
  const urls = await house.locator(".copyrow .code").allTextContents();
  if (urls.length === 0) await expect(house).toContainText(text.nowhere);
  else await expect(house.locator(".house > svg")).toBeVisible();
  await shows("home");
  // A phone of the house, as far as this machine is in one.
  for (const url of urls.slice(0, 1)) {
    await guest.page.goto(`${url}/login`);
    await expect(guest.nickField).toBeVisible();
  }
  await click(text.close);
  await expect(house.getByRole("button", { name: text.open })).toBeVisible();
  await expect(house.locator(".copyrow")).toHaveCount(0);
  for (const url of urls.slice(0, 1)) await expect(guest.page.goto(`${url}/login`)).rejects.toThrow();

  await page.getByLabel(text.keep).fill("400");
  await page.locator("#storage").getByRole("button", { name: text.save }).click();
  await expect(page.getByRole("alert")).toHaveText(text.badDays);
  await expect(page.getByLabel(text.keep)).toHaveValue("400");
  forgives(me);
  await page.getByLabel(text.keep).fill("7");
  await page.locator("#storage").getByRole("button", { name: text.save }).click();
  await expect(page.getByLabel(text.keep)).toHaveValue("7");

  await page.locator("#people").getByRole("link", { name: /rys/ }).click();
  await page.getByLabel(text.room).fill("0");
  await click(text.save);
  await expect(page.getByRole("alert")).toHaveText(text.bad);
  forgives(me);
  await looks(me, "room of a person");
  await page.getByLabel(text.room).fill("7");
  await click(text.save);
  await expect(page.locator("#people li").filter({ hasText: "rys" })).toContainText(text.of);
  await looks(me, "page of the node");

  await page.getByRole("link", { name: text.make }).click();
  await page.getByLabel(text.password, { exact: true }).fill("не тот пароль");
  await click(text.make);
  await expect(page.getByRole("alert")).toHaveText(text.wrong);
  forgives(me);
  await page.getByLabel(text.password, { exact: true }).fill(PASSWORD);
  await click(text.make);
  await expect(page.getByRole("status").filter({ hasText: text.ready })).toBeVisible();
  await expect(page.getByRole("row")).toHaveCount(2);
  await looks(me, "backups");
  await shows("backup");
}

test("the owner's pages work by a click", async ({ open }, info) => {
  test.setTimeout(120_000);
  const text = WORDS[info.project.metadata.language];
  const me = await open(dom, "klen");
  const guest = await open(dom, "rys");
  await me.registers();
  await new Caller(dom, "rys").registers(PASSWORD);
  await goesThrough(me, guest, text, (name) => me.shows(info, `owner-${name}`), both);
  guest.faults = [];
});

test("the owner's pages work without scripts", async ({ open }, info) => {
  test.setTimeout(120_000);
  const text = WORDS[info.project.metadata.language];
  const me = await open(dom, "klen", { javaScriptEnabled: false });
  const guest = await open(dom, "rys", { javaScriptEnabled: false });
  await me.registers();
  await new Caller(dom, "rys").registers(PASSWORD);
  await goesThrough(me, guest, text, async () => {}, async () => {});
});

test("the log and the number of links follow what happens", async ({ open }, info) => {
  test.setTimeout(120_000);
  const text = WORDS[info.project.metadata.language];
  const me = await open(dom, "klen");
  await me.registers();
  const { page } = me;
  await page.goto(`${dom.url}/settings/node`);
  await page.getByRole("link", { name: text.log }).click();
  const pill = page.locator("[data-pill]");
  const wide = info.project.metadata.size === "desktop";
  if (wide) await expect(pill).toContainText(text.alone);
  const dacha = await new Node("dacha", info.project.metadata.language, ["--peer", dom.p2p]).up();
  try {
    const lines = page.locator("[data-part=log] li");
    await expect(lines.filter({ hasText: text.linked })).toBeVisible();
    if (wide) await expect(pill).toContainText(text.one);
    await expect(pill.locator(".dot")).toHaveClass("dot");
    await both(me, "log");
    await me.shows(info, "owner-log");
    await dacha.down("SIGKILL");
    await expect(lines.first()).toContainText(text.lost);
    if (wide) await expect(pill).not.toContainText(text.one);
  } finally {
    await dacha.remove();
  }
});
