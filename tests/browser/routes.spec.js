// Every page: axe in both themes, nothing sideways at 320 px, the order of Tab, dialogs that give the focus back, and
// names that are code.
import { expect } from "@playwright/test";
import { isAccessible } from "./axe.js";
import { Caller } from "./nodes.js";
import { Someone, test } from "./people.js";
import { PASSWORD, routes, village } from "./village.js";

let place;

test.beforeAll(async ({}, info) => {
  place = await village(info.project.metadata.language);
});

test.afterAll(async () => {
  await place?.remove();
});

// Pages of errors are answers with an error status, which the browser notes in its console.
const forgives = (someone) => (someone.faults = someone.faults.filter((fault) => !fault.includes("Failed to load resource")));

test("axe finds nothing on any page, in both themes", async ({ open }) => {
  test.setTimeout(240_000);
  const { nodes, people } = place;
  const me = await open(nodes.dom, people.me.nick);
  const guest = await open(nodes.dom, "");
  await me.logsIn();
  await me.isIn();
  for (const { path, inside } of routes(place)) {
    const someone = inside ? me : guest;
    await someone.page.goto(nodes.dom.url + path);
    for (const colorScheme of ["light", "dark"]) {
      await someone.page.emulateMedia({ colorScheme });
      await isAccessible(someone.page, `${path} ${colorScheme}`);
    }
    forgives(someone);
    await someone.isWell();
  }
});

// Every page in a window of that size; `looks` sees each.
async function tour(open, viewport, looks) {
  const { nodes, people } = place;
  const me = await open(nodes.dom, people.me.nick, { viewport });
  const guest = await open(nodes.dom, "", { viewport });
  await me.logsIn();
  await me.isIn();
  for (const { path, inside } of routes(place)) {
    const someone = inside ? me : guest;
    await someone.page.goto(nodes.dom.url + path);
    await looks(someone.page, path);
    forgives(someone);
    await someone.isWell();
  }
}

test("nothing scrolls sideways at 320 px, and each page has one heading and its landmarks", async ({ open }) => {
  await tour(open, { width: 320, height: 640 }, async (page, path) => {
    await expect(page.locator("h1"), path).toHaveCount(1);
    await expect(page.locator("main"), path).toHaveCount(1);
  });
});

test("names of one long word fit on a phone", async ({ open }) => {
  const { nodes, people } = place;
  const long = await new Caller(nodes.dom, "оченьдлинныйникизодногослова1234").registers(PASSWORD);
  const chat = await long.chatWith(people.me.nick);
  await long.sends(chat, "слово".repeat(60));
  const group = await people.me.gathers("названиеизодногослова".repeat(3), [`${long.nick}@dom`]);
  const { message } = await people.me.sends(group, "`код`".repeat(40));
  const me = await open(nodes.dom, people.me.nick, { viewport: { width: 320, height: 640 } });
  await me.logsIn();
  await me.isIn();
  const named = ["chats", "chat", "chat-info", "chat-delete", "chat-search", "search", "search-found", "start", "group-new", "group", "group-info", "group-menu", "message-acts", "message-forward", "settings-node", "settings-room"];
  const tale = { ...place.tale, search: "очень" };
  const mine = { ...place, tale, chat, group, message: message.id, people: { ...people, near: long }, address: () => `${long.nick}@dom` };
  for (const { path } of routes(mine).filter(({ name }) => named.includes(name))) {
    await me.page.goto(nodes.dom.url + path.replace(`${chat}/m/`, `${group}/m/`));
    await me.isWell();
  }
});

test("with text twice as large nothing scrolls sideways", async ({ open }) => {
  await tour(open, { width: 800, height: 900 }, (page) => page.evaluate(() => { document.documentElement.style.fontSize = "200%"; }));
});

// What has the focus, as a word of the order that is asked for.
const where = (page) => page.evaluate(() => {
  const it = document.activeElement;
  if (it.matches(".skip")) return "skip";
  for (const [name, part] of [["header", ".top"], ["search", ".list .field"], ["filters", ".list-top"], ["list", ".cards"], ["top", ".chat-top"], ["log", ".log"], ["composer", ".composer"]]) {
    if (it.closest(part)) return name;
  }
  return it === document.body ? "body" : "other";
});

test("Tab goes from the skip link through header, search, list and chat to the composer", async ({ open }, info) => {
  const { nodes, people, chat } = place;
  const me = await open(nodes.dom, people.me.nick, { viewport: { width: 1280, height: 800 } });
  await me.logsIn();
  await me.isIn();
  const { page } = me;
  await page.goto(`${nodes.dom.url}/c/${chat}`);
  await expect(info.project.use.hasTouch ? page.locator("main h1") : me.composer).toBeFocused();
  // The first thing that Tab reaches, and then one after another.
  expect(await page.evaluate(() => document.querySelector("a[href], button, input, textarea, select, summary, [tabindex]").className)).toBe("skip");
  await page.locator(".skip").focus();
  const seen = ["skip"];
  for (let steps = 0; steps < 80 && seen.at(-1) !== "composer"; steps += 1) {
    await page.keyboard.press("Tab");
    const now = await where(page);
    if (now !== seen.at(-1)) seen.push(now);
  }
  expect(seen).toEqual(["skip", "header", "search", "filters", "list", "top", "log", "composer"]);
  // The skip link leads past the list.
  await page.locator(".skip").focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  expect(await where(page)).toBe("top");
  // Arrows walk the list.
  const cards = me.cards;
  await cards.first().focus();
  await page.keyboard.press("ArrowDown");
  await expect(cards.nth(1)).toBeFocused();
});

test("dialogs hold the focus and give it back", async ({ open }) => {
  const { nodes, people, chat, message } = place;
  const me = await open(nodes.dom, people.me.nick);
  await me.logsIn();
  await me.isIn();
  const { page } = me;
  await page.goto(`${nodes.dom.url}/c/${chat}`);
  const item = page.locator(`[data-id="${message}"]`);
  const held = () => page.evaluate(() => document.querySelector("dialog[open]")?.contains(document.activeElement));
  const roundTrip = async (opener, opens) => {
    await opens();
    await expect(page.locator("dialog[open]")).toBeVisible();
    for (let steps = 0; steps < 12; steps += 1) {
      await page.keyboard.press("Tab");
      // Between the last and the first element the browser's own frame has its turn.
      expect((await held()) || (await where(page)) === "body").toBe(true);
    }
    await page.keyboard.press("Escape");
    await expect(page.locator("dialog[open]")).toHaveCount(0);
    await expect(opener).toBeFocused();
  };
  const mark = item.locator("[data-path]");
  await roundTrip(mark, async () => {
    await mark.focus();
    await page.keyboard.press("Enter");
  });
  await roundTrip(item, async () => {
    await item.focus();
    await page.keyboard.press("Enter");
  });
});

test("a nick, a text and a file's name are never code", async ({ open, browser }, info) => {
  const { nodes, people, chat } = place;
  const evil = `"><img src=x onerror="document.title='run'"><script>document.title='run'</script>`;
  const refused = await fetch(`${nodes.dacha.url}/api/v1/users`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ nick: evil, password: PASSWORD }),
  });
  expect(refused.status).toBe(422);
  const friend = new Someone(await (await browser.newContext()).newPage(), nodes.dacha, people.friend.nick, info.project.metadata.language);
  await friend.logsIn();
  await friend.isIn();
  await friend.page.goto(`${nodes.dacha.url}/settings/profile`);
  await friend.page.locator("input[name=display_name]").fill(evil.slice(0, 60));
  await friend.page.locator("form:has(input[name=display_name]) button").last().click();
  await expect(friend.page.locator(".saved")).toBeVisible();
  // The name of a chosen file is text as well, and so is what it claims to be.
  const [chooser] = await Promise.all([
    friend.page.waitForEvent("filechooser"),
    friend.page.locator("input[type=file]").evaluate((input) => input.click()),
  ]);
  await chooser.setFiles({ name: `${evil.replaceAll("/", "")}.svg`, mimeType: "image/svg+xml", buffer: Buffer.from(`<svg xmlns="http://www.w3.org/2000/svg"><script>document.title='run'</script></svg>`) });
  await friend.page.waitForTimeout(300);
  expect(await friend.page.title()).not.toContain("run");
  const theirs = await people.friend.finds(place.address("me"));
  await people.friend.sends(theirs, evil);
  await people.me.receives(chat, evil);
  await friend.page.context().close();

  const me = await open(nodes.dom, people.me.nick);
  await me.logsIn();
  await me.isIn();
  for (const { path, inside } of routes(place)) {
    if (!inside) continue;
    await me.page.goto(nodes.dom.url + path);
    await me.page.waitForLoadState("load");
    expect(await me.page.title(), path).not.toMatch(/^run/);
    expect(await me.page.locator("main script, main [onerror], .list script, .list [onerror]").count(), path).toBe(0);
  }
  forgives(me);
  await me.isWell();
});

test("the page for a silent node says nothing of anybody", async ({ request }) => {
  const { nodes, people } = place;
  const token = new Caller(nodes.dom, people.me.nick);
  await token.logsIn(PASSWORD);
  const page = await (await request.get(`${nodes.dom.url}/offline`)).text();
  for (const person of Object.values(people)) expect(page.toLowerCase()).not.toContain(person.nick.toLowerCase());
  expect(page).not.toContain("_csrf");
});
