// The chat list: its menu by mouse, keys, touch and without scripts; filters and requests; what moves on without a reload.
import { expect } from "@playwright/test";
import { isAccessible } from "./axe.js";
import { Caller, pair } from "./nodes.js";
import { PASSWORD, test } from "./people.js";

let nodes;
let sova;
let rys;

test.beforeAll(async ({}, info) => {
  nodes = await pair(info.project.metadata.language);
  sova = await new Caller(nodes.dom, "sova").registers(PASSWORD);
  rys = await new Caller(nodes.dacha, "rys").registers(PASSWORD);
});

test.afterAll(async () => {
  for (const node of Object.values(nodes ?? {})) await node.remove();
});

const order = (page) => page.locator(".cards .card .nick").allInnerTexts();
const item = (page, nick) => page.locator(".cards li", { hasText: nick });
const menuOf = (page) => page.locator("dialog.pop[open]");
const choose = async (page, path, value) => {
  await menuOf(page).locator(`button[formaction$="/${path}"][value="${value}"]`).click();
  await expect(menuOf(page)).toHaveCount(0);
};
const looks = async (someone, info, name) => {
  for (const theme of ["light", "dark"]) {
    await someone.page.emulateMedia({ colorScheme: theme });
    await isAccessible(someone.page, `${name} ${theme}`);
    for (const width of [320, 360, 768, 1280, 1440]) {
      if (info.project.metadata.size === "phone" ? width > 400 : width < 400) continue;
      await someone.page.setViewportSize({ width, height: 800 });
      await someone.isWell();
      await someone.shows(info, `${name}-${width}-${theme}`);
    }
  }
};

test("pin, mute, archive, unread and delete, live in every window", async ({ open }, info) => {
  const klen = await open(nodes.dom, "klen");
  await klen.registers();
  const withSova = await sova.chatWith("klen");
  const withRys = await rys.chatWith("klen@dom");
  await sova.sends(withSova, "первое");
  await rys.sends(withRys, "второе");
  const { page } = klen;
  await page.goto(nodes.dom.url);
  await expect.poll(() => order(page)).toEqual(["rys", "sova"]);
  const other = await page.context().newPage();
  await other.goto(nodes.dom.url);
  await expect(page.locator("[data-filters]")).toHaveAttribute("data-filters", "2");
  await expect(page).toHaveTitle(/^\(2\) /);

  // By the right button; the other window follows.
  await klen.card("sova").click({ button: "right" });
  await expect(menuOf(page)).toBeVisible();
  await looks(klen, info, "list-menu");
  await page.setViewportSize(info.project.use.viewport);
  await choose(page, "pin", "1");
  await expect.poll(() => order(page)).toEqual(["sova", "rys"]);
  await expect.poll(() => order(other)).toEqual(["sova", "rys"]);
  await expect(klen.card("sova").locator("[data-is=pinned]")).toBeVisible();
  await rys.sends(withRys, "третье");
  await expect(klen.card("rys").locator(".badge")).toHaveText("2");
  expect(await order(page), "pinned stays on top").toEqual(["sova", "rys"]);

  // By keys: the button comes with the focus, Escape gives it back.
  await klen.card("rys").focus();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await expect(menuOf(page)).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(menuOf(page)).toHaveCount(0);
  await expect(item(page, "rys").locator("[data-opts]")).toBeFocused();
  await page.keyboard.press("Enter");
  await choose(page, "mute", "8h");
  for (const tab of [page, other]) await expect(tab.locator(".card", { hasText: "rys" }).locator(".badge")).toHaveClass(/quiet/);
  await expect(klen.card("rys").locator("[data-is=muted]")).toBeVisible();

  // Read, and unread again.
  await klen.card("sova").click({ button: "right" });
  await choose(page, "unread", "0");
  await expect(klen.card("sova").locator(".badge")).toHaveCount(0);
  await expect(page).toHaveTitle(/^\(1\) /);
  await klen.card("sova").click({ button: "right" });
  await choose(page, "unread", "1");
  await expect(klen.card("sova").locator(".badge")).toHaveText("1");
  await expect(other).toHaveTitle(/^\(2\) /);
  await expect(other.locator("[data-unread-count]")).toHaveText("2");

  // The archive gives a chat back when somebody writes, but not one that is silent.
  for (const nick of ["sova", "rys"]) {
    await klen.card(nick).click({ button: "right" });
    await choose(page, "archive", "1");
    await expect(klen.card(nick)).toHaveCount(0);
  }
  await expect.poll(() => order(other)).toEqual([]);
  await expect(other.locator("[data-filters] a").nth(3)).toContainText("2");
  await sova.sends(withSova, "снова я");
  await rys.sends(withRys, "и я");
  await expect.poll(() => order(page)).toEqual(["sova"]);
  await page.goto(`${nodes.dom.url}/?filter=archive`);
  await expect.poll(() => order(page)).toEqual(["rys"]);
  await looks(klen, info, "list-archive");
  await page.setViewportSize(info.project.use.viewport);
  await klen.card("rys").click({ button: "right" });
  await choose(page, "archive", "0");
  await expect.poll(() => order(page)).toEqual([]);
  await expect.poll(() => order(other)).toEqual(["rys", "sova"]);

  // Who types stands in the place of the last message, for a while; what was read stays among the new ones till then.
  await page.goto(`${nodes.dom.url}/?filter=unread`);
  await expect.poll(() => order(page)).toEqual(["rys", "sova"]);
  await klen.card("rys").click({ button: "right" });
  await choose(page, "unread", "0");
  await expect(klen.card("rys").locator(".badge")).toHaveCount(0);
  await expect(klen.card("rys")).toHaveCount(1);

  // Deleting asks first.
  await klen.card("rys").click({ button: "right" });
  await menuOf(page).locator("a.danger").click();
  await expect(page).toHaveURL(/\/delete$/);
  await page.locator("main form .btn.d").click();
  await expect.poll(() => order(other)).toEqual(["sova"]);
  await klen.isWell();
});

test("typing and drafts on a card, a long press, times that move on", async ({ open }, info) => {
  const vera = await open(nodes.dom, "vera", { hasTouch: info.project.metadata.size === "phone" });
  await vera.registers();
  const chat = await sova.chatWith("vera");
  await sova.sends(chat, "привет");
  const { page } = vera;
  await page.clock.install();
  await page.goto(nodes.dom.url);
  const card = vera.card("sova");
  await expect(card.locator(".snip")).toHaveText("привет");
  const olga = await open(nodes.dom, "sova");
  await olga.logsIn();
  await olga.opensCard("vera");
  const saved = olga.page.waitForResponse(/\/draft$/);
  await olga.composer.pressSequentially("ещё", { delay: 50 });
  await expect(card.locator(".types")).toBeVisible();
  await expect(card.getByText("привет")).toBeHidden();
  await vera.shows(info, "list-typing");
  await page.clock.runFor(7000);
  await expect(card.locator(".types")).toHaveCount(0);
  await expect(card.getByText("привет")).toBeVisible();
  // The draft of the other one is seen in their own list.
  await saved;
  await olga.page.goto(nodes.dom.url);
  await expect(olga.card("vera").locator(".draft")).toBeVisible();

  const time = card.locator("time");
  await expect(time).toHaveText(/^\d\d:\d\d$/);
  await page.clock.fastForward("24:00:00");
  await page.clock.runFor(61_000);
  await expect(time).toHaveText(info.project.metadata.language === "ru" ? "вчера" : "yesterday");

  if (info.project.metadata.size !== "phone") return;
  const box = await card.boundingBox();
  const point = { clientX: box.x + 80, clientY: box.y + 20, pointerType: "touch", bubbles: true };
  await card.dispatchEvent("pointerdown", point);
  await page.clock.runFor(600);
  await expect(menuOf(page)).toBeVisible();
  await vera.shows(info, "list-long-press");
});

test("requests are one card, which comes by itself, and a page", async ({ open }, info) => {
  const zoya = await open(nodes.dom, "zoya");
  await zoya.registers();
  const { page } = zoya;
  await page.goto(`${nodes.dom.url}/settings/privacy`);
  await page.locator("input[name=first][value=nobody]").check({ force: true });
  const save = page.getByRole("button", { name: zoya.words.save, exact: true });
  if (await save.isVisible()) await save.click();
  await page.goto(nodes.dom.url);
  await expect(page.locator("[data-requests]")).toHaveCount(0);
  const chat = await rys.chatWith("zoya@dom");
  await rys.sends(chat, "можно спросить?");
  await expect(page.locator("[data-requests]")).toContainText("· 1");
  await expect(page, "a request does not call").not.toHaveTitle(/^\(/);
  await looks(zoya, info, "list-requests");
  await page.setViewportSize(info.project.use.viewport);
  await page.locator("[data-requests]").click();
  await expect.poll(() => order(page)).toEqual(["rys"]);
  await isAccessible(page);
  await zoya.card("rys").click();
  await page.locator("button[name=answer][value=accept]").click();
  await page.goto(nodes.dom.url);
  await expect.poll(() => order(page)).toEqual(["rys"]);
  await expect(page.locator("[data-requests]")).toHaveCount(0);
});

test("without scripts the menu is a page", async ({ open }, info) => {
  const nina = await open(nodes.dom, "nina", { javaScriptEnabled: false });
  await nina.registers();
  const chat = await sova.chatWith("nina");
  const early = await new Caller(nodes.dom, `early${info.project.metadata.size}`).registers(PASSWORD);
  await sova.sends(chat, "раз");
  await early.sends(await early.chatWith("nina"), "два");
  const { page } = nina;
  const act = async (nick, path, value) => {
    await page.goto(nodes.dom.url);
    await item(page, nick).locator("[data-opts]").click();
    await page.locator(`button[formaction$="/${path}"][value="${value}"]`).click();
  };
  await act("sova", "pin", "1");
  expect((await order(page))[0]).toBe("sova");
  await act("sova", "mute", "ever");
  await expect(nina.card("sova").locator("[data-is=muted]")).toBeVisible();
  await act("sova", "unread", "0");
  await expect(nina.card("sova").locator(".badge")).toHaveCount(0);
  await nina.shows(info, "list-noscript");
  await act("sova", "archive", "1");
  await expect(nina.card("sova")).toHaveCount(0);
  await page.locator('.chip[href="/?filter=archive"]').click();
  await expect(nina.card("sova")).toBeVisible();
  await item(page, "sova").locator("[data-opts]").click();
  await nina.shows(info, "list-noscript-menu");
});
