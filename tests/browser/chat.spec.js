// What can be done with a message, by mouse and keys; searching a chat; sending over a bad line.
import { expect } from "@playwright/test";
import { Caller, pair } from "./nodes.js";
import { PASSWORD, test } from "./people.js";

let nodes;
let sova;

test.beforeAll(async ({}, info) => {
  nodes = await pair(info.project.metadata.language);
  sova = await new Caller(nodes.dacha, "sova").registers(PASSWORD);
});

test.afterAll(async () => {
  for (const node of Object.values(nodes ?? {})) await node.remove();
});

// A person of the first node with an open chat with sova.
async function talks(open, nick, options) {
  const someone = await open(nodes.dom, nick, options);
  await someone.registers();
  await someone.opensChatWith("sova", "sova@dacha");
  const chat = await sova.chatWith(`${nick}@dom`);
  return { someone, page: someone.page, chat };
}

test("reply, react, edit, copy, forward, path, delete", async ({ open }, info) => {
  const { someone: klen, page, chat } = await talks(open, "klen");
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await sova.sends(chat, "Клён спрашивает, *сколько* нас. `2*2`");
  await klen.sees("Клён спрашивает");
  const mine = "Четверо. _Палатку_ беру я";
  const answered = klen.message("Четверо");

  // Reply: the bar, the quote in the bubble at once, and a click on it leads to the original.
  await klen.acts("Клён спрашивает", "reply");
  await expect(page.locator("[data-replybar]")).toContainText("Клён спрашивает");
  await expect(klen.composer).toBeFocused();
  await klen.composer.fill(mine);
  await klen.sendButton.click();
  await expect(page.locator("[data-replybar]")).toBeHidden();
  await klen.seesState("Четверо", /delivered|read/);
  await expect(answered.locator(".quote")).toContainText("sova");
  await expect(answered.locator(".text i")).toHaveText("Палатку");
  await answered.locator(".quote").click();
  await expect(page.locator(".msg").first()).toBeFocused();
  await expect(page.locator(".msg").first()).toHaveClass(/\bat\b/);

  // Reactions: given from the menu, shown with names, taken back by the chip; the other side has them.
  const told = async () => (await sova.messages(chat)).map((it) => it.reactions.map((r) => r.emoji).join("")).join("|");
  await klen.menu("Клён спрашивает");
  await klen.shows(info, "chat-menu");
  await page.locator("[data-menu] [data-emo='❤']").click();
  const chip = klen.message("Клён спрашивает").locator(".react");
  await expect(chip).toHaveAttribute("aria-pressed", "true");
  await expect(chip).toHaveAttribute("aria-label", `❤, 1: ${klen.words.you}`);
  await expect.poll(told).toBe("❤|");
  await chip.click();
  await expect(chip).toHaveCount(0);
  await expect.poll(told).toBe("|");
  await klen.menu("Клён спрашивает");
  await page.locator("[data-menu] [data-do=pick]").click();
  await page.locator("[data-picker] button", { hasText: "🦊" }).click();
  await expect(chip).toHaveAttribute("aria-label", `🦊, 1: ${klen.words.you}`);

  // Edit: ↑ in the empty field, what is typed is kept aside by Escape, the mark, the other side.
  await klen.composer.press("ArrowUp");
  await expect(klen.composer).toHaveValue(mine);
  await expect(page.locator("[data-replybar]")).toContainText(klen.words.editing);
  await klen.shows(info, "chat-edit");
  await klen.composer.press("Escape");
  await expect(klen.composer).toHaveValue("");
  await klen.composer.press("ArrowUp");
  await klen.composer.fill("Пятеро");
  await klen.composer.press("Enter");
  await expect(klen.message("Пятеро").locator(".tail")).toContainText(klen.words.edited);
  await expect(klen.composer).toHaveValue("");
  await expect.poll(async () => (await sova.messages(chat)).map((it) => it.text)).toContain("Пятеро");
  await expect(page.locator(".msg")).toHaveCount(2);

  // Copy gives what was typed, with its marks.
  await klen.acts("Клён спрашивает", "copy");
  await expect.poll(() => page.evaluate(() => navigator.clipboard.readText())).toBe("Клён спрашивает, *сколько* нас. `2*2`");

  // The way: every node with its time.
  await klen.acts("Пятеро", "path");
  await expect(page.locator("dialog[open] .route > li")).toHaveCount(4);
  await expect(page.locator("dialog[open] .route time")).toHaveCount(3);
  await klen.shows(info, "chat-path");
  await page.keyboard.press("Escape");

  // Forward: to another chat, as a quote that names the author.
  await new Caller(nodes.dom, "rys").registers(PASSWORD);
  const other = await page.context().newPage();
  const third = await new Caller(nodes.dom, "klen").logsIn(PASSWORD);
  await third.sends(await third.chatWith("rys@dom"), "сюда");
  await other.close();
  await klen.acts("Клён спрашивает", "forward");
  await klen.shows(info, "chat-forward");
  await page.locator("dialog[open] .choices button", { hasText: "rys" }).click();
  await expect(page.locator(".msg .q")).toContainText("sova");
  await expect(page.locator(".msg .q")).toContainText("сколько");
  await page.goBack();

  // Delete: for oneself it leaves here alone; for all with a plain warning.
  await klen.acts("Клён спрашивает", "delete");
  await expect(page.locator("dialog[open] [data-scope=all]")).toBeHidden();
  await page.locator("dialog[open] [data-scope=me]").click();
  await expect(klen.message("Клён спрашивает")).toHaveCount(0);
  await klen.acts("Пятеро", "delete");
  await expect(page.locator("dialog[open]")).toContainText(klen.words.deleteAll);
  await expect(page.locator("dialog[open] [data-close]")).toBeFocused();
  await klen.shows(info, "chat-delete");
  await page.locator("dialog[open] [data-scope=all]").click();
  await expect(page.locator(".msg .gone")).toHaveCount(1);
  await expect.poll(async () => (await sova.messages(chat)).map((it) => it.deleted)).toEqual([false, true]);
  await page.reload();
  await expect(page.locator(".msg")).toHaveCount(1);
  await klen.isWell();
});

test("keys of a conversation", async ({ open }) => {
  const { someone: lis, page, chat } = await talks(open, "lis");
  await sova.sends(chat, "первое");
  await lis.sees("первое");
  await lis.sends("второе");
  await lis.seesState("второе", /delivered|read/);
  const focused = () => page.evaluate(() => document.activeElement.querySelector(".text")?.textContent);

  // Arrows go through the messages; letters act on the one in focus, also on a Russian layout.
  await page.locator("[data-log]").focus();
  await page.keyboard.press("ArrowUp");
  expect(await focused()).toBe("второе");
  await page.keyboard.press("ArrowUp");
  expect(await focused()).toBe("первое");
  await page.keyboard.press("e");
  await expect(page.locator("[data-replybar]")).toBeHidden();
  const keys = await page.context().newCDPSession(page);
  const key = { key: "к", code: "KeyR", windowsVirtualKeyCode: 82 };
  await keys.send("Input.dispatchKeyEvent", { type: "rawKeyDown", ...key });
  await keys.send("Input.dispatchKeyEvent", { type: "keyUp", ...key });
  await expect(page.locator("[data-replybar]")).toContainText("первое");
  await expect(lis.composer).toBeFocused();
  await lis.composer.press("Escape");
  await expect(page.locator("[data-replybar]")).toBeHidden();
  await lis.message("второе").focus();
  await page.keyboard.press("e");
  await expect(lis.composer).toHaveValue("второе");
  await lis.composer.press("Escape");
  await lis.message("первое").focus();
  await page.keyboard.press("+");
  await expect(page.locator("[data-menu]")).toBeVisible();
  await page.keyboard.press("ArrowRight");
  await expect(page.locator("[data-menu] [data-emo]").nth(1)).toBeFocused();
  await page.keyboard.press("Escape");
  await expect(lis.message("первое")).toBeFocused();
  await page.keyboard.press("Delete");
  await expect(page.locator("dialog[open] [data-close]")).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(lis.message("первое")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(lis.composer).toBeFocused();

  // Ctrl ↑ chooses whom to answer; Shift Enter is a new line; composition is left alone.
  await lis.composer.press("Control+ArrowUp");
  await expect(page.locator("[data-replybar]")).toContainText("второе");
  await lis.composer.press("Control+ArrowUp");
  await expect(page.locator("[data-replybar]")).toContainText("первое");
  await lis.composer.press("Escape");
  await lis.composer.fill("строка");
  await lis.composer.press("Shift+Enter");
  await lis.composer.pressSequentially("ещё");
  await expect(lis.composer).toHaveValue("строка\nещё");
  await page.evaluate(() => {
    const enter = new KeyboardEvent("keydown", { key: "Enter", isComposing: true, bubbles: true, cancelable: true });
    document.querySelector("#text").dispatchEvent(enter);
  });
  await expect(lis.composer).toHaveValue("строка\nещё");

  // The field grows with its lines, up to eight.
  const height = () => lis.composer.evaluate((it) => it.offsetHeight);
  const two = await height();
  expect(two).toBeGreaterThan(60);
  await lis.composer.fill("1\n2\n3\n4\n5");
  await expect.poll(height).toBe(two + 3 * 24);
  await lis.composer.fill("строка\n".repeat(30));
  await expect.poll(height).toBeLessThan(215);

  // The counter comes near the limit; over it nothing is sent and nothing is lost.
  await lis.composer.fill("я".repeat(7499));
  await expect(page.locator("[data-count]")).toHaveText("");
  await lis.composer.fill("я".repeat(7600));
  await expect(page.locator("[data-count]")).toContainText("400");
  await lis.composer.fill("я".repeat(8001));
  await lis.composer.press("Enter");
  await expect(page.locator("[data-count]")).toHaveText("−1");
  await expect(lis.composer).toHaveValue("я".repeat(8001));
  await expect(page.locator(".msg")).toHaveCount(2);
  await lis.isWell();
});

test("search in a chat", async ({ open }, info) => {
  const { someone: mira, page, chat } = await talks(open, "mira");
  await sova.sends(chat, "весло самое первое");
  for (let n = 0; n < 110; n += 1) await sova.sends(chat, `вода ${n}`);
  await sova.sends(chat, "Вёсла забыли");
  await mira.sees("Вёсла забыли");
  await expect.poll(async () => (await sova.messages(chat, 1))[0].state).toBe("read");
  await page.reload();
  await page.keyboard.press("Control+f");
  const field = page.locator("[data-findbar] input");
  await expect(field).toBeFocused();
  await field.fill("весл");
  await expect(page.locator("[data-found]")).toHaveText(mira.words.found(1, 2));
  await expect(mira.message("Вёсла забыли")).toHaveClass(/\bat\b/);
  await mira.shows(info, "chat-find");
  // The other one is on a page that is not here yet: it comes, and stands in the middle.
  await expect(mira.message("самое первое")).toHaveCount(0);
  await field.press("Enter");
  await expect(page.locator("[data-found]")).toHaveText(mira.words.found(2, 2));
  await expect(mira.message("самое первое")).toBeInViewport();
  await field.fill("нигде такого нет");
  await expect(page.locator("[data-found]")).toHaveText(mira.words.foundNone);
  await page.keyboard.press("Escape");
  await expect(page.locator("[data-findbar]")).toBeHidden();
  await expect(mira.composer).toBeFocused();
  // From far up, what is written is sent all the same and shown at the end.
  await mira.composer.fill("снизу");
  await mira.composer.press("Enter");
  await mira.seesState("снизу", /delivered|read/);
  await mira.isWell();
});

test("a lost answer, a refusal and a pause: sent once, or kept", async ({ open }, info) => {
  const { someone: rak, page, chat } = await talks(open, "rak");
  const texts = async () => (await sova.messages(chat)).map((it) => it.text);

  // The node takes it, the answer is lost: asked again with the same client id, there is one message.
  let lost = 0;
  await page.route("**/messages", async (route) => {
    if (lost === 1) return route.continue();
    lost += 1;
    await route.fetch();
    await route.abort();
  });
  await page.routeWebSocket("**/live*", () => {}); // nothing comes by the socket meanwhile
  await page.reload();
  await rak.composer.fill("один раз");
  await rak.sendButton.dblclick();
  await rak.seesState("один раз", /stored|delivered|read/);
  await expect(page.locator(".msg")).toHaveCount(1);
  expect(lost).toBe(1);
  await page.unroute("**/messages");

  // Refused for good: told with the reason, kept over a reload, sent again when asked, or removed.
  const refuse = (status, headers = {}) => page.route("**/messages", (route) =>
    route.request().method() === "POST" ? route.fulfill({ status, headers, json: { error: { code: "x", message: `нет ${status}` } } }) : route.continue());
  await refuse(413);
  await rak.composer.fill("слишком");
  await rak.sendButton.click();
  await expect(rak.message("слишком")).toHaveClass(/\bfail\b/);
  await expect(page.locator(".toast")).toContainText("нет 413");
  await rak.shows(info, "chat-failed");
  await page.unroute("**/messages");
  await page.reload();
  await expect(rak.message("слишком")).toHaveClass(/\bfail\b/);
  await rak.message("слишком").locator("[data-retry]").click();
  await rak.seesState("слишком", /stored|delivered|read/);
  await refuse(422);
  await rak.composer.fill("вон");
  await rak.sendButton.click();
  await rak.message("вон").locator("[data-drop]").click();
  await expect(rak.message("вон")).toHaveCount(0);
  await page.unroute("**/messages");

  // What stands before the node refuses without a word of it: the row below says the same as the line above.
  const mute = (status) => page.route("**/messages", (route) => (route.request().method() === "POST" ? route.fulfill({ status, body: "" }) : route.continue()));
  await mute(413);
  await rak.composer.fill("без слов");
  await rak.sendButton.click();
  await expect(rak.message("без слов").locator("[data-why]")).toContainText(await page.locator(".toast span").innerText());
  await rak.message("без слов").locator("[data-drop]").click();
  await page.unroute("**/messages");

  // Too fast or broken for a moment: a word about it, and it goes by itself, in order.
  await refuse(429, { "Retry-After": "1" });
  await rak.composer.fill("подождёт");
  await rak.sendButton.click();
  await rak.composer.fill("и это");
  await rak.sendButton.click();
  await expect(page.locator(".toast")).toContainText("нет 429");
  await page.unroute("**/messages");
  await rak.seesState("и это", /stored|delivered|read/);
  await page.locator(".toast button").click();
  await mute(502);
  await rak.composer.fill("за прокси");
  await rak.sendButton.click();
  await expect(page.locator(".toast")).toContainText(rak.words.offline);
  await page.unroute("**/messages");
  await rak.seesState("за прокси", /stored|delivered|read/);
  await expect.poll(texts).toEqual(["один раз", "слишком", "подождёт", "и это", "за прокси"]);
  rak.faults = rak.faults.filter((fault) => !fault.includes("Failed to load resource"));
  await rak.isWell();
});

test("on a dead line one does not wait for minutes: asked again, sent once", async ({ open }) => {
  const { someone: lin, page, chat } = await talks(open, "lin");
  await page.addInitScript(() => {
    const timeout = AbortSignal.timeout.bind(AbortSignal);
    AbortSignal.timeout = (ms) => timeout(ms / 20);
  });
  await page.routeWebSocket("**/live*", () => {});
  await page.reload();
  let asked = 0;
  await page.route("**/messages", (route) => {
    asked += 1;
    return asked > 1 ? route.continue() : undefined; // the first one is never answered
  });
  await lin.sends("в тишину");
  await lin.seesState("в тишину", /stored|delivered|read/);
  expect(asked).toBe(2);
  expect((await sova.messages(chat)).map((it) => it.text)).toEqual(["в тишину"]);
  await lin.isWell();
});

test("a slow answer shows the clock, a quick one does not; a lost line counts down", async ({ open }, info) => {
  const { someone: zaya, page } = await talks(open, "zaya");
  await page.addInitScript(() => {
    // When the clock was seen, if ever, in milliseconds after its message appeared.
    window.clocks = [];
    const began = new WeakMap();
    const look = () => {
      for (const tick of document.querySelectorAll(".msg .tick.sending")) {
        if (!began.has(tick)) began.set(tick, performance.now());
        if (getComputedStyle(tick).visibility === "visible") window.clocks.push(performance.now() - began.get(tick));
      }
      requestAnimationFrame(look);
    };
    look();
  });
  await page.reload();
  await zaya.sends("быстрое");
  await zaya.seesState("быстрое", /stored|delivered|read/);
  expect(await page.evaluate(() => window.clocks)).toEqual([]);
  await page.routeWebSocket("**/live*", () => {});
  await page.reload();
  await page.route("**/messages", async (route) => {
    await new Promise((done) => setTimeout(done, 1500));
    await route.continue();
  });
  await zaya.sends("медленное");
  await zaya.seesState("медленное", /stored|delivered|read/);
  const clocks = await page.evaluate(() => window.clocks);
  expect(clocks.length).toBeGreaterThan(0);
  expect(Math.min(...clocks)).toBeGreaterThan(380);

  // The line is lost: after three seconds a banner with the time to the next try, and a button for now.
  await page.unrouteAll();
  const other = await open(nodes.dom, "zorya");
  await other.registers();
  await nodes.dom.down();
  const banner = other.page.locator("[data-banner]");
  await expect(banner).toContainText(other.words.offline);
  await expect(banner).toContainText(/\d+/);
  await other.shows(info, "chat-banner");
  await nodes.dom.up();
  if (await banner.getByRole("button").isVisible()) await banner.getByRole("button").click().catch(() => {});
  await expect(banner).toBeHidden();
  other.faults = other.faults.filter((fault) => !fault.includes("Failed to load resource"));
  await other.isWell();
});
