// Search and the quick switch: rows that stay, whom it asked, what the other node learns, by keys alone and without scripts.
import { expect } from "@playwright/test";
import { isAccessible } from "./axe.js";
import { Caller, Node, pair } from "./nodes.js";
import { PASSWORD, test } from "./people.js";

// Kept by the node: to leave the page sooner is to search before it is there.
const KEPT = /^(stored|delivered|read)$/;

let nodes;
let away;

test.beforeAll(async ({}, info) => {
  nodes = await pair(info.project.metadata.language);
  // A third node that was met and went away.
  away = await new Node("port", info.project.metadata.language, ["--peer", nodes.dom.p2p]).up();
  for (const [node, nick] of [["dom", "sovenok"], ["dacha", "sova"], ["dacha", "sovetnik.s.ochen.dlinnym.imenem"], ["dom", "rys"], ["dom", "lis"]]) {
    await new Caller(nodes[node], nick).registers(PASSWORD);
  }
});

test.afterAll(async () => {
  for (const node of [...Object.values(nodes ?? {}), away]) await node?.remove();
});

const shots = async (someone, info, name) => {
  for (const theme of ["light", "dark"]) {
    await someone.page.emulateMedia({ colorScheme: theme });
    await isAccessible(someone.page, `${name} ${theme}`);
    for (const width of info.project.metadata.size === "phone" ? [320, 360] : [768, 1280, 1440]) {
      await someone.page.setViewportSize({ width, height: 800 });
      await someone.isWell();
      await someone.shows(info, `${name}-${width}-${theme}`);
    }
  }
  await someone.page.emulateMedia({ colorScheme: "light" });
  await someone.page.setViewportSize(info.project.use.viewport);
};

test("search: groups in their order, nodes with their times, a question before the chat", async ({ open }, info) => {
  const klen = await open(nodes.dom, "klen");
  await klen.registers();
  const { page } = klen;
  const phone = info.project.metadata.size === "phone";
  await klen.opensChatWith("soven", "sovenok@dom");
  await klen.sends("есть чат");
  await page.goto(`${nodes.dom.url}/search`);
  const field = page.locator("main input[name=q]");
  await expect(page.locator("[data-group=chats] .res")).toHaveCount(1);
  await field.pressSequentially("so", { delay: 30 });
  await expect(klen.result("sova@dacha")).toBeVisible();
  await expect(page.locator("[data-group=chats]").getByText("sovenok@dom")).toBeVisible();
  await expect(klen.result("sovenok@dom"), "once, among the chats").toHaveCount(1);
  await expect(page.locator('[data-node="dacha"]')).toContainText(/dacha · \d+ (мс|ms)/);
  await expect(page.locator("[data-answers]")).toHaveText(info.project.metadata.language === "ru" ? /^ответил/ : /nodes answered$/);

  // What stands there stays while the next answer is on its way.
  await page.route("**/search?*part=1*", async (route) => {
    await new Promise((done) => setTimeout(done, 700));
    await route.continue().catch(() => {});
  });
  await field.pressSequentially("v", { delay: 30 });
  await page.waitForTimeout(400);
  await expect(klen.result("sova@dacha"), "no row vanishes meanwhile").toBeVisible();
  // Whoever chooses of them is asked at once, and the late answer does not take the question away.
  const asks = page.locator(phone ? "dialog.asks" : "[data-confirm] .confirm");
  await klen.result("sova@dacha").locator("a").click();
  await expect(asks).toBeVisible();
  await page.waitForTimeout(900);
  await expect(asks).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(asks).toHaveCount(0);
  await expect(klen.result("sova@dacha")).toBeVisible();
  await page.unroute("**/search?*part=1*");
  await shots(klen, info, "search-rows");

  // A long name leaves room for its address.
  const long = klen.result("sovetnik.s.ochen").locator(".addr");
  const box = await long.boundingBox();
  expect(box.width).toBeGreaterThan(100);
  expect(box.x + box.width).toBeLessThanOrEqual(await page.evaluate(() => innerWidth));

  // Keys: the caret stays in the field, arrows choose, Enter asks.
  await field.focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await expect(field).toBeFocused();
  const active = await field.getAttribute("aria-activedescendant");
  await expect(page.locator(`#${active}`)).toHaveAttribute("aria-selected", "true");
  await page.keyboard.press("Enter");
  await expect(asks).toBeVisible();
  await expect(asks).toContainText("dacha");
  await shots(klen, info, "search-confirm");
  await expect(asks).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(asks).toHaveCount(0);
  await expect(field).toBeFocused();

  // A whole address goes to its node alone; one that nobody knows can be linked; nobody is said so.
  await field.fill("sova@dacha");
  await expect(klen.result("sova@dacha")).toHaveCount(1);
  await expect(klen.result("sovenok@dom")).toHaveCount(0);
  await field.fill("sova@nigde");
  await expect(page.locator("[data-static]")).toContainText("nigde");
  await expect(page.locator('[data-static] a[href="/network#add"]')).toBeVisible();
  await field.fill("zzzz");
  await expect(page.locator("[data-none]")).toBeVisible();
  // A node that went away is named.
  await away.down();
  await page.waitForTimeout(1500);
  await field.fill("sov");
  await expect(page.locator('[data-node="port"] .dot')).toHaveClass(/off/);
  await shots(klen, info, "search-away");
  // Whether somebody lives there nobody knows now: that is said, and not that there is nobody.
  await field.fill("nikto@port");
  await expect(page.locator("[data-static]")).toContainText(info.project.metadata.language === "ru" ? "Узел port сейчас не отвечает" : "Node port does not answer now");
  await expect(page.locator("[data-none]")).toBeHidden();
});

test("Ctrl K over any page, on a Russian layout; Alt and the arrows; Ctrl /", async ({ open }, info) => {
  const mira = await open(nodes.dom, "mira");
  await mira.registers();
  const { page } = mira;
  for (const nick of ["rys", "lis"]) {
    await mira.opensChatWith(nick, `${nick}@dom`);
    await mira.sends(`привет, ${nick}`);
  }
  const keys = await page.context().newCDPSession(page);
  const press = async (key, code, number) => {
    await keys.send("Input.dispatchKeyEvent", { type: "rawKeyDown", modifiers: 2, key, code, windowsVirtualKeyCode: number });
    await keys.send("Input.dispatchKeyEvent", { type: "keyUp", modifiers: 2, key, code, windowsVirtualKeyCode: number });
  };
  const box = page.locator("dialog.quick");
  // A page that has just opened knows no keys before its scripts are there.
  const scripted = () => page.waitForLoadState("load");
  await page.goto(`${nodes.dom.url}/settings/look`);
  await press("л", "KeyK", 75);
  await expect(box.locator("input[type=search]")).toBeFocused();
  await expect(box.locator(".res").first()).toContainText("lis");
  await shots(mira, info, "quick");
  await box.locator("input[type=search]").pressSequentially("ry", { delay: 30 });
  await expect(box.locator(".res").first()).toContainText("rys@dom");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(mira.heading("rys")).toBeVisible();

  // Recent first: Enter alone goes to the newest.
  await scripted();
  await page.keyboard.press("Control+k");
  await expect(box.locator("[aria-selected=true]")).toHaveCount(1);
  await page.keyboard.press("Enter");
  await expect(mira.heading("lis")).toBeVisible();
  // From that one it goes to the next.
  await scripted();
  await page.keyboard.press("Control+k");
  await expect(box.locator("[aria-selected=true]")).toHaveCount(1);
  await page.keyboard.press("Enter");
  await expect(mira.heading("rys")).toBeVisible();
  await page.goBack();
  await expect(mira.heading("lis")).toBeVisible();
  await scripted();
  await page.keyboard.press("Alt+ArrowDown");
  await expect(mira.heading("rys")).toBeVisible();
  await scripted();
  await page.keyboard.press("Alt+ArrowUp");
  await expect(mira.heading("lis")).toBeVisible();
  // The next one with something new, past those that are read.
  const lis = await new Caller(nodes.dom, "rys").logsIn(PASSWORD);
  const chat = await lis.chatWith("mira");
  await mira.opensChatWith("soven", "sovenok@dom");
  await lis.sends(chat, "новое");
  await expect(page.locator(".cards li[data-unread='1']")).toHaveCount(1);
  await page.keyboard.press("Alt+Shift+ArrowDown");
  await expect(mira.heading("rys")).toBeVisible();

  await scripted();
  await press(".", "Slash", 191);
  await expect(box.locator("table")).toBeVisible();
  await shots(mira, info, "keys");
  await page.keyboard.press("Escape");
  await expect(box).toHaveCount(0);
  // The field of the list opens the same.
  if (info.project.metadata.size === "phone") await page.goto(nodes.dom.url);
  await page.locator(".list [data-quick]").pressSequentially("li", { delay: 60 });
  await expect(box.locator(".res").first()).toContainText("lis");
  await mira.isWell();
});

test("without scripts a search is a page, with the nodes it asked", async ({ open }, info) => {
  const nora = await open(nodes.dom, "nora", { javaScriptEnabled: false });
  await nora.registers();
  await nora.searches("sov", { enter: true });
  await expect(nora.result("sova@dacha")).toBeVisible();
  await expect(nora.page.locator('[data-node="dacha"]')).toContainText(/\d+ (мс|ms)/);
  await nora.shows(info, "search-noscript");
  await nora.result("sova@dacha").locator("a").click();
  await expect(nora.page.locator(".confirm")).toContainText("dacha");
});

test("words are looked for in all chats, what is found opens in its place", async ({ open }, info) => {
  const vera = await open(nodes.dom, "vera");
  await vera.registers();
  const { page } = vera;
  await vera.opensChatWith("lis", "lis@dom");
  await vera.sends("Лодка у причала");
  await vera.seesState("Лодка у причала", KEPT);
  await page.goto(nodes.dom.url);
  await vera.opensChatWith("rys", "rys@dom");
  await vera.sends("лодку унесло, весло осталось");
  await vera.seesState("лодку унесло, весло осталось", KEPT);
  await page.goto(`${nodes.dom.url}/search`);
  await page.locator("main input[name=q]").fill("лод");
  await expect(page.locator("main [data-in=messages]")).toHaveAttribute("href", /q=%D0%BB%D0%BE%D0%B4/);
  await page.locator("main [data-in=messages]").click();
  await expect(page.locator("main .res")).toHaveCount(2);
  await expect(page.locator("main .res").first()).toContainText("лодку унесло");
  await expect(page.locator("main .res mark").first()).toHaveText("лод");
  await expect(page.locator("main .res").first()).toContainText("rys");
  await shots(vera, info, "search-messages");
  await page.locator("main .res").last().locator("a").click();
  await expect(page).toHaveURL(/[?]at=/);
  await vera.sees("Лодка у причала");
  // Chats by name, and nothing where nothing is.
  await page.goto(`${nodes.dom.url}/search?in=chats&q=ry`);
  await expect(page.locator("main .res")).toHaveCount(1);
  await page.goto(`${nodes.dom.url}/search?in=messages&q=${encodeURIComponent("парус")}`);
  await expect(page.locator("main .res")).toHaveCount(0);
  await expect(page.locator("main [role=status]")).not.toBeEmpty();
  // Nobody reads what is not theirs.
  const zoya = await open(nodes.dom, "zoya");
  await zoya.registers();
  await zoya.page.goto(`${nodes.dom.url}/search?in=messages&q=${encodeURIComponent("лод")}`);
  await expect(zoya.page.locator("main .res")).toHaveCount(0);
});
