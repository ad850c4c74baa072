// Opening and reading a conversation, by touch, without scripts, after a session ended; and what axe says of it.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect } from "@playwright/test";
import { Caller, pair } from "./nodes.js";
import { PASSWORD, test } from "./people.js";

const axe = readFileSync(fileURLToPath(new URL("node_modules/axe-core/axe.min.js", import.meta.url)), "utf8");
let nodes;
let sova;

test.beforeAll(async ({}, info) => {
  nodes = await pair(info.project.metadata.language);
  sova = await new Caller(nodes.dacha, "sova").registers(PASSWORD);
});

test.afterAll(async () => {
  for (const node of Object.values(nodes ?? {})) await node.remove();
});

// Places of the log in the window.
const box = (locator) => locator.evaluate((it) => it.getBoundingClientRect().toJSON());

test("a chat opens where reading goes on", async ({ open }, info) => {
  const klen = await open(nodes.dom, "klen");
  await klen.registers();
  const { page } = klen;
  const chat = await sova.chatWith("klen@dom");
  for (let n = 1; n <= 40; n += 1) await sova.sends(chat, `читано ${n}`);
  // All of them are there before the chat is opened: what came after it would be new, and stay so below the line.
  await expect.poll(async () => (await sova.messages(chat, 40)).filter((it) => it.state === "stored").length).toBe(0);
  await klen.opensCard("sova");
  await klen.sees("читано 40");
  const newest = async () => (await sova.messages(chat, 1))[0];
  // Pressed again until it is read: a page that is not ready yet goes where reading goes on, and puts the cursor into the field.
  await expect
    .poll(async () => {
      await page.locator("[data-log]").focus();
      await page.keyboard.press("End");
      return (await newest()).state;
    })
    .toBe("read");
  await page.goto(nodes.dom.url);
  for (let n = 1; n <= 30; n += 1) await sova.sends(chat, `новое ${n}`);
  await expect(klen.card("sova").locator(".badge")).toHaveText("30");

  // The number of the open chat never shows, from the first frame on.
  await page.addInitScript(() => {
    window.badges = 0;
    new MutationObserver(() => {
      window.badges += document.querySelectorAll(".card[aria-current] .badge").length;
    }).observe(document, { childList: true, subtree: true });
  });
  await page.goto(`${nodes.dom.url}/c/${await klenChat(page)}`);
  const log = await box(page.locator("[data-log]"));
  const offThird = async () => {
    const line = await box(page.locator(".newline"));
    return Math.abs(line.top - log.top - log.height / 3);
  };
  await expect.poll(offThird, "the line stands at a third of the log").toBeLessThan(log.height / 6);
  await klen.shows(info, "reading-opened");
  expect((await newest()).state, "what is below is not read yet").not.toBe("read");
  // The chip of the day stays on the screen above what is read.
  const chip = await box(page.locator(".day").last());
  expect(chip.top).toBeGreaterThanOrEqual(log.top - 1);
  await page.keyboard.press("Tab");
  await page.locator("[data-log]").focus();
  await page.keyboard.press("End");
  await expect.poll(async () => (await newest()).state).toBe("read");
  await expect(page.locator(".newline"), "fixed until the chat is left").toHaveCount(1);
  await sova.sends(chat, "ещё");
  await klen.sees("ещё");
  await page.waitForTimeout(3500);
  expect(await page.evaluate(() => window.badges)).toBe(0);

  // New messages of others are said, at most one announcement a second.
  await page.evaluate(() => {
    window.said = [];
    const say = document.querySelector("[data-say]");
    new MutationObserver(() => window.said.push(say.textContent)).observe(say, { childList: true });
  });
  await Promise.all([1, 2, 3, 4].map((n) => sova.sends(chat, `разом ${n}`)));
  await klen.sees("разом 4");
  await page.waitForTimeout(2200);
  const said = await page.evaluate(() => window.said);
  expect(said[0]).toContain("sova: ");
  expect(said.length).toBeLessThanOrEqual(3);
  await klen.sends("своё не читается вслух");
  expect(await page.evaluate(() => window.said.length)).toBe(said.length);

  // A link to a message puts it in the middle.
  const messages = await sova.messages(chat, 200);
  const middle = messages.find((it) => it.text === "читано 20");
  await page.goto(`${nodes.dom.url}/c/${await klenChat(page)}?at=${middle.id}`);
  const offMiddle = async () => {
    const place = await box(klen.message("читано 20"));
    return Math.abs(place.top + place.height / 2 - (log.top + log.height / 2));
  };
  await expect.poll(offMiddle).toBeLessThan(log.height / 4);
  await klen.isWell();
});

// The id of the chat on the page, or of the only card of the list.
const klenChat = (page) => page.evaluate(() => document.querySelector("main[data-chat], li[data-chat]").dataset.chat);

test("with more unread than a page a chat opens at the first of it; Home and the round button go on from there", async ({ open }, info) => {
  const lev = await open(nodes.dom, "lev");
  await lev.registers();
  const { page } = lev;
  const chat = await sova.chatWith("lev@dom");
  for (let n = 1; n <= 20; n += 1) await sova.sends(chat, `читано ${n}`);
  await lev.opensCard("sova");
  await lev.sees("читано 20");
  await page.locator("[data-log]").focus();
  await page.keyboard.press("End");
  await expect.poll(async () => (await sova.messages(chat, 1))[0].state).toBe("read");
  const address = page.url();
  await page.goto(nodes.dom.url);
  for (let n = 1; n <= 80; n += 1) await sova.sends(chat, `строка ${n}`);
  await expect(lev.card("sova").locator(".badge")).toHaveText("80");
  await page.goto(address);
  const log = await box(page.locator("[data-log]"));
  const first = page.locator(".newline + li.msg");
  await expect(first).toContainText("строка 1");
  await expect.poll(async () => Math.abs((await box(page.locator(".newline"))).top - log.top - log.height / 3)).toBeLessThan(log.height / 4);
  await lev.shows(info, "reading-many");
  const seen = async () => (await sova.messages(chat, 80)).filter((it) => it.state === "read").length;
  await page.waitForTimeout(1500);
  expect(await seen(), "what nobody has looked at is not read").toBeLessThan(60);
  // Home: the first of all; the button: the last of all.
  await page.locator("[data-log]").focus();
  await page.keyboard.press("Home");
  await expect(page.locator("li.msg").first()).toContainText("читано 1");
  await expect(page.locator("li.msg").first()).toBeInViewport();
  await page.locator("[data-bottom]").click();
  await expect(lev.message("строка 80")).toBeInViewport();
  await expect.poll(seen).toBe(80);
  await lev.isWell();
});

test("what was sent without the node is no draft afterwards; an edit without a session says so", async ({ open }) => {
  const mila = await open(nodes.dom, "mila");
  await mila.registers();
  await mila.opensChatWith("sova", "sova@dacha");
  const { page } = mila;
  await mila.sends("первое");
  await expect(mila.message("первое")).toHaveAttribute("data-id", /./);
  // The draft is on the node when the session ends; the text waits here, is sent after the login, and the field is empty.
  await mila.composer.fill("в обрыве");
  await page.waitForResponse((answer) => answer.url().endsWith("/draft"));
  const cookies = await page.context().cookies();
  await page.context().clearCookies();
  await mila.composer.press("Enter");
  await expect(page.locator("[data-ended]")).toBeVisible();
  await page.context().addCookies(cookies);
  await page.reload();
  await expect(mila.message("в обрыве")).toHaveAttribute("data-id", /./);
  await expect(mila.composer).toHaveValue("");
  await page.reload();
  await expect(mila.composer).toHaveValue("");
  await expect(mila.message("в обрыве")).toHaveCount(1);

  await mila.composer.press("ArrowUp");
  await mila.composer.fill("в обрыве, изменено");
  await page.context().clearCookies();
  await mila.composer.press("Enter");
  await expect(page.locator("[data-ended]")).toBeVisible();
  await expect(mila.composer).toHaveValue("в обрыве, изменено");
  mila.faults = mila.faults.filter((fault) => !fault.includes("Failed to load resource"));
  await mila.isWell();
});

test("of the days that stay at the top one is seen, for a moment", async ({ open }) => {
  const kedr = await open(nodes.dom, "kedr");
  await kedr.registers();
  const { page } = kedr;
  const chat = await sova.chatWith("kedr@dom");
  for (let n = 1; n <= 40; n += 1) await sova.sends(chat, `строка ${n}`);
  await kedr.opensCard("sova");
  await page.goto(`${page.url()}?at=end`);
  await kedr.sees("строка 40");
  // As if they had been written over three days.
  await page.evaluate(async () => {
    const timeline = await import(document.querySelector("script[src$='/chat.js']").src);
    timeline.messages().forEach((item, n) => { item.dataset.time -= (2 - Math.min(2, Math.floor(n / 8))) * 864e5; });
    timeline.regroup();
  });
  await expect(page.locator(".day")).toHaveCount(3);
  // All three lie at the top: the last is seen while one scrolls, none when one reads.
  const seen = () => page.locator(".day:not(.over)").count();
  for (const step of [-60, 60]) {
    const scrolled = await page.evaluate((by) => new Promise((done) => {
      const log = document.querySelector("[data-log]");
      log.addEventListener("scroll", () => requestAnimationFrame(() => done(document.querySelectorAll(".day:not(.over)").length)), { once: true });
      log.scrollBy(0, by);
    }), step);
    expect(scrolled).toBe(1);
    await expect.poll(seen).toBe(0);
  }
  await kedr.isWell();
});

test("nothing moves by itself while one reads", async ({ open }) => {
  const vita = await open(nodes.dom, "vita");
  await vita.registers();
  const { page } = vita;
  const chat = await sova.chatWith("vita@dom");
  for (let n = 1; n <= 60; n += 1) await sova.sends(chat, `прежнее ${n}`);
  await vita.opensCard("sova");
  await page.goto(`${page.url()}?at=end`);
  await vita.sees("прежнее 60");
  await page.addInitScript(() => {
    window.shifts = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts.push(entry.value);
    }).observe({ type: "layout-shift", buffered: true });
  });
  await page.reload();
  await vita.sees("прежнее 60");
  const log = page.locator("[data-log]");
  await log.evaluate((it) => it.scrollBy(0, -900));
  await page.waitForTimeout(700);
  const line = page.locator("[data-items] > li.msg").filter({ hasText: "прежнее 45" });
  const before = await box(line);
  await page.evaluate(() => { window.shifts = []; });
  for (let n = 1; n <= 12; n += 1) await sova.sends(chat, `пока читают ${n}`);
  await expect(page.locator("[data-bottom-count]")).toContainText("12");
  await page.waitForTimeout(500);
  expect(Math.abs((await box(line)).top - before.top)).toBeLessThanOrEqual(1);
  expect(await page.evaluate(() => window.shifts.reduce((sum, value) => sum + value, 0)), "layout shift").toBeLessThan(0.001);

  // Where the system chooses the colours, borders show what stands where.
  await page.emulateMedia({ forcedColors: "active" });
  for (const name of [".b", ".card", ".composer .box"]) {
    const border = await page.locator(name).first().evaluate((it) => getComputedStyle(it).borderTopStyle + getComputedStyle(it).borderTopWidth);
    expect(border, name).toMatch(/^solid[1-9]/);
  }
});

test("at most 300 messages stay in the page, both ways", async ({ open }, info) => {
  test.skip(info.project.name !== "en-desktop", "once is enough: it is long");
  test.setTimeout(240_000);
  const mira = await open(nodes.dom, "mira");
  await mira.registers();
  const { page } = mira;
  const chat = await sova.chatWith("mira@dom");
  for (let n = 1; n <= 420; n += 1) await sova.sends(chat, `строка ${n}`);
  await mira.opensCard("sova");
  await page.goto(`${page.url()}?at=end`);
  await mira.sees("строка 420");
  const count = () => page.locator(".msg").count();
  const first = () => page.locator(".msg .text").first().innerText();
  const last = () => page.locator(".msg .text").last().innerText();
  const log = page.locator("[data-log]");
  const scroll = (to) => log.evaluate((it, up) => (it.scrollTop = up ? -it.scrollHeight : 0), to === "up");
  for (let n = 0; n < 40 && (await first()) !== "строка 1"; n += 1) {
    await scroll("up");
    await page.waitForTimeout(250);
    expect(await count()).toBeLessThanOrEqual(300);
  }
  expect(await first()).toBe("строка 1");
  expect(await last()).toBe("строка 300");
  for (let n = 0; n < 40 && (await last()) !== "строка 420"; n += 1) {
    await scroll("down");
    await page.waitForTimeout(250);
    expect(await count()).toBeLessThanOrEqual(300);
  }
  expect(await last()).toBe("строка 420");
  expect(await first()).toBe("строка 121");
  // What came while the end was not in the page is there as well.
  await sova.sends(chat, "после всего");
  await mira.sees("после всего");
  await mira.isWell();
});

test("by touch: long press, a dot menu, new lines", async ({ open }, info) => {
  test.skip(info.project.metadata.size !== "phone", "a phone");
  const lis = await open(nodes.dom, "lis", { hasTouch: true, isMobile: true, viewport: { width: 360, height: 740 } });
  await lis.registers();
  await lis.opensChatWith("sova", "sova@dacha");
  const { page } = lis;
  await expect(page.locator("main h1"), "no keyboard springs up").toBeFocused();
  const chat = await sova.chatWith("lis@dom");
  await sova.sends(chat, "нажмите и держите");
  await lis.sees("нажмите и держите");
  // A long press, as the finger does it.
  const touch = await page.context().newCDPSession(page);
  const at = await box(lis.message("нажмите").locator(".text"));
  const point = { x: at.x + 20, y: at.y + 10 };
  await touch.send("Input.dispatchTouchEvent", { type: "touchStart", touchPoints: [point] });
  await expect(page.locator("[data-menu]")).toBeVisible();
  await touch.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
  await page.waitForTimeout(200);
  await lis.shows(info, "reading-sheet");
  await page.locator("[data-menu] [data-emo='👍']").tap();
  await expect(lis.message("нажмите").locator(".react")).toBeVisible();
  await lis.message("нажмите").locator("[data-opts]").tap();
  await page.locator("[data-menu] [data-do=reply]").tap();
  await lis.composer.fill("раз");
  await lis.composer.press("Enter");
  await lis.composer.pressSequentially("два");
  await expect(lis.composer).toHaveValue("раз\nдва");
  await lis.sendButton.tap();
  await expect(lis.message("два").locator(".quote")).toBeVisible();
  await expect(page.locator(".msg")).toHaveCount(2);
  await lis.isWell();
});

test("without scripts every act has its page", async ({ open }, info) => {
  const rys = await open(nodes.dom, "rys", { javaScriptEnabled: false });
  await rys.registers();
  await rys.opensChatWith("sova", "sova@dacha", { enter: true });
  const { page } = rys;
  const chat = await sova.chatWith("rys@dom");
  await rys.sends("первое");
  await sova.sends(chat, "второе");
  const acts = async (text) => {
    await rys.message(text).hover();
    await rys.message(text).locator("[data-opts]").click();
    await expect(rys.heading(rys.words.actions)).toBeVisible();
  };
  await expect.poll(async () => (await page.reload()) && rys.message("второе").count()).toBe(1);

  await acts("второе");
  await rys.shows(info, "reading-actions");
  await page.locator("button[name=add][value='🔥']").click();
  await expect(rys.message("второе").locator(".react")).toHaveAttribute("aria-pressed", "true");
  await rys.message("второе").locator(".react").click();
  await expect(rys.message("второе").locator(".react")).toHaveCount(0);
  await acts("первое");
  await page.locator("main textarea").fill("*первое*, изменённое");
  await page.locator("form[action$=edit] button").click();
  await expect(rys.message("изменённое").locator("b")).toHaveText("первое");
  await acts("изменённое");
  await page.locator("a.btn[href*='/path/']").click();
  await expect(page.locator(".route")).toBeVisible();
  await page.goBack();
  await page.locator("a[href*='reply=']").click();
  await rys.sends("ответ себе");
  await expect(rys.message("ответ себе").locator(".quote")).toContainText("изменённое");
  await acts("второе");
  await page.locator("a[href$=forward]").click();
  await page.locator(".choices button", { hasText: "sova" }).click();
  await expect(page.locator(".msg .q")).toContainText("второе");
  await acts("sova");
  await page.locator("button[name=scope][value=me]").click();
  await expect(page.locator(".msg .q"), "what was passed on is gone here").toHaveCount(0);
  expect((await sova.messages(chat)).length).toBe(4);
  await acts("изменённое");
  await expect(page.getByText(rys.words.deleteAll)).toBeVisible();
  await page.locator("button[name=scope][value=all]").click();
  await expect(page.locator(".gone")).toHaveCount(1);
  await page.locator("[data-chatmenu] summary").click();
  await page.locator("[data-chatmenu] a[data-find]").click();
  await page.locator("main input[name=q]").fill("ОТВЕТ");
  await page.keyboard.press("Enter");
  await expect(page.locator(".res mark")).toHaveText("ответ");
  await rys.shows(info, "reading-found");
  await page.locator(".res a").click();
  await expect(rys.message("ответ себе")).toHaveClass(/\bat\b/);
  await page.locator("[data-chatmenu] summary").click();
  await page.locator("[data-chatmenu] a[href$=delete]").click();
  await page.locator("main form button").click();
  await expect(page).toHaveURL(`${nodes.dom.url}/`);
  await expect(rys.cards).toHaveCount(0);
  await rys.isWell();
});

test("an ended session keeps what is typed", async ({ open }, info) => {
  const rak = await open(nodes.dom, "rak");
  await rak.registers();
  await rak.opensChatWith("sova", "sova@dacha");
  const { page } = rak;
  await rak.sends("до");
  await rak.seesState("до", /delivered|read/);
  await page.context().clearCookies();
  await rak.composer.fill("после");
  await rak.sendButton.click();
  await expect(page.locator("dialog[open]")).toContainText(rak.words.again);
  await rak.shows(info, "reading-ended");
  await page.locator("dialog[open] a").click();
  await rak.nickField.fill("rak");
  await rak.passwordField.fill(PASSWORD);
  await page.getByRole("button", { name: rak.words.loginDo, exact: true }).click();
  await rak.seesState("после", /stored|delivered|read/);
  await expect(page.locator(".msg")).toHaveCount(2);
  rak.faults = rak.faults.filter((fault) => !fault.includes("Failed to load resource"));
  await rak.isWell();
});

test("a session that ended while the line was down says so", async ({ open }) => {
  const volk = await open(nodes.dom, "volk");
  await volk.registers();
  const { page } = volk;
  await volk.opensChatWith("sova", "sova@dacha");
  await page.waitForLoadState("load");
  await volk.composer.fill("недописано");
  // The socket falls with the node, and comes back to one that knows no such session.
  await nodes.dom.down();
  await page.context().clearCookies();
  await nodes.dom.up();
  await expect(page.locator("dialog[data-ended]")).toContainText(volk.words.again, { timeout: 40_000 });
  await expect(volk.composer).toHaveValue("недописано");
  volk.faults = [];
});

test("a message taller than the window is read, and the end is the newest page", async ({ open }) => {
  const zubr = await open(nodes.dom, "zubr");
  await zubr.registers();
  const { page } = zubr;
  const chat = await sova.chatWith("zubr@dom");
  await sova.sends(chat, "первая");
  for (let n = 1; n <= 70; n += 1) await sova.sends(chat, `ряд ${n}`);
  await sova.sends(chat, `высокая\n${"строка\n".repeat(150)}`);
  await expect.poll(async () => (await sova.messages(chat)).filter((it) => it.state === "stored").length).toBe(0);
  await zubr.opensCard("sova");
  await page.locator("[data-log]").focus();
  await page.keyboard.press("End");
  await expect.poll(async () => (await sova.messages(chat, 1))[0].state).toBe("read");
  // Where a page of old messages is open the key leads to the newest.
  const old = (await sova.messages(chat)).find((it) => it.text === "первая").id;
  await page.goto(`${page.url().split(/[?#]/)[0]}?at=${old}`);
  await zubr.sees("первая");
  await expect(page.locator("[data-log][data-has-newer]")).toHaveCount(1);
  await page.locator("[data-log]").focus();
  await page.keyboard.press("End");
  await zubr.sees("высокая");
  await zubr.isWell();
});

test("axe finds nothing in a conversation, light and dark", async ({ open }, info) => {
  const zima = await open(nodes.dom, "zima", { bypassCSP: true });
  await zima.registers();
  await zima.opensChatWith("sova", "sova@dacha");
  const { page } = zima;
  const chat = await sova.chatWith("zima@dom");
  await sova.sends(chat, "*Жирный*, _косой_, `код`, https://a.example\n> цитата\n```\nкод\n```");
  await sova.sends(chat, "🔥");
  await zima.sends("Ответ");
  await zima.sees("Жирный");
  await zima.seesState("Ответ", /delivered|read/);
  await zima.acts("Ответ", "reply");
  await zima.composer.fill("я".repeat(7600));
  await zima.menu("🔥");
  await page.locator("[data-menu] [data-emo='❤']").click();
  await expect(page.locator(".react")).toBeVisible();
  await page.route("**/messages", (route) => (route.request().method() === "POST" ? route.fulfill({ status: 422, json: {} }) : route.continue()));
  await zima.composer.press("Control+a");
  await zima.composer.pressSequentially("не уйдёт");
  await zima.sendButton.click();
  await expect(zima.message("не уйдёт")).toHaveClass(/\bfail\b/);
  await page.addScriptTag({ content: axe });
  const bad = async (what) => {
    const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
    const told = violations.map((it) => `${it.id}: ${it.nodes.map((node) => node.html.slice(0, 160)).join(" | ")}`);
    expect(told, what).toEqual([]);
  };
  for (const theme of ["light", "dark"]) {
    await page.evaluate((name) => (document.documentElement.dataset.theme = name), theme);
    await zima.message("Жирный").hover();
    await bad(`${theme}, reading`);
    await zima.shows(info, `reading-${theme}`);
    await zima.menu("Ответ");
    await bad(`${theme}, the menu`);
    await page.keyboard.press("Escape");
    await zima.acts("Ответ", "delete");
    await bad(`${theme}, deleting`);
    await page.keyboard.press("Escape");
    await zima.acts("Ответ", "path");
    await bad(`${theme}, the way`);
    await page.keyboard.press("Escape");
    await page.locator("[data-emoji]").click();
    await bad(`${theme}, the picker`);
    await page.keyboard.press("Escape");
    await zima.composer.press("Control+f");
    await page.locator("[data-findbar] input").fill("жир");
    await expect(page.locator("[data-found]")).toHaveText(zima.words.found(1, 1));
    await bad(`${theme}, searching`);
    await page.keyboard.press("Escape");
  }
  const link = await zima.message("Ответ").locator("[data-opts]").getAttribute("href");
  for (const place of [link, `${link}/forward`, link.replace("/m/", "/path/"), `${link.split("/m/")[0]}/search?q=жир`, `${link.split("/m/")[0]}/delete`]) {
    await page.goto(nodes.dom.url + place);
    await page.addScriptTag({ content: axe });
    await bad(place);
    await zima.isWell().catch((error) => expect(String(error)).toContain("Failed to load resource"));
  }
  zima.faults = zima.faults.filter((fault) => !fault.includes("Failed to load resource"));
});

test("the pages of a message refuse what is not theirs, and say so once", async ({ open }) => {
  const gus = await open(nodes.dom, "gus");
  const eve = await open(nodes.dom, "eve");
  await gus.registers();
  await eve.registers();
  await gus.opensChatWith("sova", "sova@dacha");
  await gus.sends("наше");
  await gus.seesState("наше", /stored|delivered|read/);
  const place = nodes.dom.url + (await gus.message("наше").locator("[data-opts]").getAttribute("href"));
  const chat = place.split("/m/")[0];
  const token = (who) => who.page.locator("body").getAttribute("data-csrf");
  const get = async (who, url) => (await who.page.request.get(url)).status();
  const headers = { Origin: nodes.dom.url };
  const post = async (who, url, fields) =>
    (await who.page.request.post(url, { headers, form: { _csrf: await token(who), ...fields }, maxRedirects: 0 })).status();

  // Somebody else of the same node: there is no such chat, whatever is asked.
  for (const url of [place, `${place}/forward`, `${chat}/search?q=a`, `${chat}/delete`, place.replace("/m/", "/path/")]) {
    expect(await get(eve, url), url).toBe(404);
    expect(await get(gus, url), url).toBe(200);
  }
  for (const [url, fields] of [
    [`${place}/react`, { add: "👍" }],
    [`${place}/edit`, { text: "чужое" }],
    [`${place}/delete`, { scope: "all" }],
    [`${place}/delete`, { scope: "me" }],
    [`${place}/forward`, { to: chat.split("/c/")[1] }],
    [`${chat}/delete`, {}],
  ]) {
    expect(await post(eve, url, fields), url).toBe(404);
    expect(await post(gus, url, { ...fields, _csrf: "wrong" }), `${url} without its token`).toBe(403);
  }
  // Wrong values.
  expect(await post(gus, `${place}/react`, { add: "буква" })).toBe(422);
  expect(await post(gus, `${place}/edit`, { text: " " })).toBe(422);
  expect(await post(gus, `${place}/edit`, { text: "я".repeat(8001) })).toBe(422);
  expect(await post(gus, `${place}/delete`, { scope: "everybody" })).toBe(404);
  expect(await post(gus, `${place}/forward`, { to: "ab" })).toBe(404);
  expect(await get(gus, `${chat}/m/${"0".repeat(64)}`)).toBe(404);
  expect(await get(gus, `${chat}/search?q=${"x".repeat(201)}`)).toBe(422);
  await gus.page.reload();
  await expect(gus.page.locator(".msg .text")).toHaveText(["наше"]);
  await expect(gus.page.locator(".react")).toHaveCount(0);
  await gus.isWell();
});
