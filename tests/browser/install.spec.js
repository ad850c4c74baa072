// Notifications, the installed page and what is seen when something is not well.
import { expect } from "@playwright/test";
import { isAccessible } from "./axe.js";
import { Caller, Node } from "./nodes.js";
import { PASSWORD, test } from "./people.js";

const WORDS = {
  ru: { ask: "Показывать уведомления о новых сообщениях?", yes: "Включить", no: "Не сейчас", silent: "Узел не отвечает", insecure: "только по HTTPS или на этом компьютере", open: "Открыть", nochat: "Такого чата нет или у вас нет доступа", nopage: "Такой страницы нет", back: "Связь восстановлена" },
  en: { ask: "Show notifications of new messages?", yes: "Turn on", no: "Not now", silent: "The node does not answer", insecure: "only over HTTPS or on this computer", open: "Open", nochat: "No such chat, or no access", nopage: "No such page", back: "Connection restored" },
};
const words = (info) => WORDS[info.project.metadata.language];
const forgives = (someone) => (someone.faults = someone.faults.filter((fault) => !fault.includes("Failed to load resource")));
const DAY_MS = 24 * 3_600_000;

let node;

test.beforeAll(async ({}, info) => {
  node = await new Node("dom", info.project.metadata.language).up();
});

test.afterAll(async () => {
  await node?.remove();
});

// The browser's part is played here: what it was asked, and what it was told to show, by the page or by its worker.
const playBrowser = (page, answer) => page.addInitScript((said) => {
  window.shown = [];
  window.asked = 0;
  const tell = (title, { body, tag }) => window.shown.push({ title, body, tag });
  const key = "test.permission";
  window.Notification = class {
    static get permission() {
      return localStorage.getItem(key) ?? "default";
    }
    static async requestPermission() {
      window.asked += 1;
      if (said !== "default") localStorage.setItem(key, said);
      return said;
    }
    constructor(title, options) {
      tell(title, options);
    }
  };
  ServiceWorkerRegistration.prototype.showNotification = async (title, options) => tell(title, options);
}, answer);
const shown = (page) => page.evaluate(() => window.shown);

test("the offer comes after the first sent message, twice at most, and only a click asks the browser", async ({ open }, info) => {
  const text = words(info);
  const lada = await open(node, "lada");
  await playBrowser(lada.page, "granted");
  await new Caller(node, "stas").registers(PASSWORD);
  await lada.registers();
  const { page } = lada;
  const card = page.getByRole("group", { name: text.ask });
  await page.goto(node.url);
  await page.waitForTimeout(500);
  await expect(card).toHaveCount(0);
  await lada.opensChatWith("st", "stas@dom");
  await lada.sends("первое");
  await lada.seesState("первое", /stored|delivered|read/);
  await page.goto(node.url);
  await expect(card).toBeVisible();
  await isAccessible(page);
  await lada.shows(info, "notify-ask");
  const later = (days) => page.evaluate(([ms]) => {
    const [times, last] = localStorage.getItem("chater.ask").split(" ").map(Number);
    localStorage.setItem("chater.ask", `${times} ${last - ms}`);
  }, [days * DAY_MS]);
  const refuses = async () => {
    await card.getByRole("button", { name: text.no }).click();
    await expect(card).toHaveCount(0);
    await expect(page.locator(".list-top input")).toBeFocused();
  };
  const returns = async (count) => {
    await page.reload();
    await page.waitForTimeout(400);
    await expect(card).toHaveCount(count);
  };
  await refuses();
  await returns(0);
  await later(13.9);
  await returns(0);
  await later(0.2);
  await returns(1);
  await refuses();
  await later(400);
  await returns(0);
  expect(await page.evaluate(() => window.asked)).toBe(0);
  // Somebody who says yes.
  await page.evaluate(() => localStorage.setItem("chater.ask", "0 0"));
  await returns(1);
  await card.getByRole("button", { name: text.yes }).click();
  await expect(card).toHaveCount(0);
  expect(await page.evaluate(() => [window.asked, localStorage.getItem("chater.notify")])).toEqual([1, "on"]);
  await returns(0);
  await lada.isWell();
});

test("one window tells it, one per chat; open and muted chats and requests are silent", async ({ open }) => {
  const nora = await open(node, "nora");
  const { page } = nora;
  await playBrowser(page, "granted");
  await nora.registers();
  const egor = await new Caller(node, "egor").registers(PASSWORD);
  const chat = await egor.chatWith("nora");
  await page.goto(`${node.url}/settings/notify`);
  await page.locator("[data-notify-on]").click();
  const other = await page.context().newPage();
  await playBrowser(other, "granted");
  await other.goto(`${node.url}/settings/look`);
  const both = async () => [...(await shown(page)), ...(await shown(other))];
  const long = "я".repeat(300);
  await egor.sends(chat, long);
  await expect.poll(both).toEqual([{ title: "egor", body: "я".repeat(120), tag: chat }]);
  await page.waitForTimeout(500);
  expect(await both()).toHaveLength(1);

  // A window that shows the chat speaks for all.
  await nora.opensCard("egor");
  await egor.sends(chat, "видно и так");
  await nora.sees("видно и так");
  await page.waitForTimeout(600);
  expect(await shown(page)).toEqual([]);
  expect((await shown(other)).filter((it) => it.body === "видно и так")).toEqual([]);
  await other.close();

  // A chat that was muted says nothing until it is heard again.
  const mute = async (value) => {
    await page.goto(`${node.url}/c/${chat}/menu`);
    await page.locator(`main button[formaction$="/mute"][value="${value}"]`).click();
    await page.waitForURL((url) => !url.pathname.endsWith("/menu"));
  };
  // What the node says of a chat decides: muted, still a request, or neither.
  for (const [muted, change, told] of [["8h", {}, 0], ["off", { state: "request" }, 0], ["", {}, 1]]) {
    if (muted) await mute(muted);
    await page.routeWebSocket(/\/live/, (socket) => {
      const far = socket.connectToServer();
      far.onMessage((text) => {
        const frame = JSON.parse(text);
        socket.send(frame.type === "chat" ? JSON.stringify({ ...frame, ...change }) : text);
      });
    });
    await page.goto(`${node.url}/settings/look`);
    await egor.sends(chat, "слышно ли");
    if (told) await expect.poll(async () => (await shown(page)).length).toBe(told);
    await page.waitForTimeout(700);
    expect(await shown(page), `${muted} ${JSON.stringify(change)}`).toHaveLength(told);
  }
  await nora.isWell();
});

test("the title and the icon count chats on every page", async ({ open }) => {
  const vera = await open(node, "vera");
  const { page } = vera;
  await vera.registers();
  const [one, two] = [await new Caller(node, "odin").registers(PASSWORD), await new Caller(node, "dva").registers(PASSWORD)];
  await page.goto(`${node.url}/settings/look`);
  const icon = () => page.locator("link[rel=icon]").getAttribute("href");
  expect(await icon()).toMatch(/\/icon\.svg$/);
  const first = await one.chatWith("vera");
  await one.sends(first, "раз");
  await expect(page).toHaveTitle(/^\(1\) /);
  await one.sends(first, "и ещё раз");
  await two.sends(await two.chatWith("vera"), "два");
  await expect(page).toHaveTitle(/^\(2\) /);
  expect(await icon()).toMatch(/\/icon-unread\.svg$/);
  await page.reload();
  await expect(page).toHaveTitle(/^\(2\) /);
  expect(await icon()).toMatch(/\/icon-unread\.svg$/);
  await vera.opensCard("odin");
  await expect(page).toHaveTitle(/^\(1\) /);
  await vera.opensCard("dva");
  await expect(page).toHaveTitle(/^[^(]/);
  await expect.poll(icon).toMatch(/\/icon\.svg$/);
  await vera.isWell();
});

test("over plain HTTP from elsewhere: honest words, a line in the page, no error", async ({ open }, info) => {
  const text = words(info);
  const far = { ...node, url: `http://198.51.100.7:${node.ports.web}` };
  const igor = await open(far, "igor");
  const { page } = igor;
  await igor.registers();
  expect(await page.evaluate(() => isSecureContext)).toBe(false);
  await page.goto(`${far.url}/settings/notify`);
  await expect(page.locator("[data-notify-state]")).toContainText(text.insecure);
  await expect(page.locator("[data-https]")).toBeVisible();
  await isAccessible(page);
  await igor.shows(info, "notify-insecure");
  const olga = await new Caller(node, "olga").registers(PASSWORD);
  const chat = await olga.chatWith("igor");
  await olga.sends(chat, "<b>привет</b>");
  await expect(page.locator(".toast")).toContainText("olga: <b>привет</b>");
  await igor.shows(info, "notify-toast");
  await page.locator(".toast").getByRole("button", { name: text.open }).click();
  await expect(page).toHaveURL(new RegExp(`/c/${chat}`));
  await igor.sends("без HTTPS тоже пишется");
  await page.goto(far.url);
  await page.waitForTimeout(400);
  await expect(page.locator("[data-ask]")).toHaveCount(0);
  await igor.isWell();
});

test("the installed page keeps its files and no message; without the node it says so and comes back by itself", async ({ open, request }, info) => {
  const text = words(info);
  const ivan = await open(node, "ivan");
  const { page } = ivan;
  await new Caller(node, "anton").registers(PASSWORD);
  await ivan.registers();
  await ivan.opensChatWith("an", "anton@dom");
  await ivan.sends("этого в памяти браузера нет");
  const place = page.url();
  await page.evaluate(async () => {
    await navigator.serviceWorker.ready;
    await caches.open("chater-0000");
  });
  await page.reload();
  await expect.poll(() => page.evaluate(() => Boolean(navigator.serviceWorker.controller))).toBe(true);
  const kept = await page.evaluate(async () => {
    const found = [];
    for (const name of await caches.keys()) {
      for (const it of await (await caches.open(name)).keys()) {
        const answer = await (await caches.open(name)).match(it);
        found.push([new URL(it.url).pathname, (await answer.text()).includes("этого в памяти")]);
      }
    }
    return found;
  });
  expect(kept.length).toBeGreaterThan(20);
  for (const [path, told] of kept) {
    expect(path).toMatch(/^\/(static\/[0-9a-f]{16}\/(css|js|icons)\/|static\/[0-9a-f]{16}\/icon|offline$)/);
    expect(told, path).toBe(false);
  }

  // A new build takes the place of the old one: its worker clears away what has another name.
  await page.evaluate(async () => {
    await (await navigator.serviceWorker.getRegistration()).unregister();
  });
  await page.reload();
  await expect.poll(() => page.evaluate(() => caches.keys())).toHaveLength(1);

  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.reload();
  await node.down();
  await page.reload();
  await expect(ivan.heading(text.silent)).toBeVisible();
  await expect(page.locator("html")).toHaveAttribute("lang", info.project.metadata.language);
  await isAccessible(page);
  await ivan.shows(info, "offline");
  await node.up();
  await expect(ivan.composer).toBeVisible({ timeout: 20_000 });
  expect(page.url()).toBe(place);

  // What a system needs to install it.
  const href = await page.locator("link[rel=manifest]").getAttribute("href");
  const answer = await request.get(new URL(href, node.url).href);
  expect(answer.headers()["content-type"]).toContain("application/manifest+json");
  const manifest = await answer.json();
  expect(manifest).toMatchObject({ display: "standalone", start_url: "/", scope: "/", name: "chater · dom" });
  for (const icon of manifest.icons) {
    const file = await request.get(node.url + icon.src);
    expect(file.headers()["content-type"]).toBe("image/png");
    const bytes = await file.body();
    expect(`${bytes.readUInt32BE(16)}x${bytes.readUInt32BE(20)}`).toBe(icon.sizes);
  }
  expect(manifest.icons.map((icon) => [icon.sizes, icon.purpose])).toEqual([["192x192", "any"], ["512x512", "any"], ["512x512", "maskable"]]);
  const session = await page.context().newCDPSession(page);
  const { errors } = await session.send("Page.getAppManifest");
  expect(errors).toEqual([]);
  forgives(ivan);
});

test("pages of errors say what happened and where to go", async ({ open }, info) => {
  const text = words(info);
  const zoya = await open(node, "zoya");
  const { page } = zoya;
  await zoya.registers();
  const pages = [[`/c/${"0".repeat(64)}`, 404, text.nochat], ["/nothing", 404, text.nopage]];
  for (const [path, status, said] of pages) {
    const answer = await page.goto(node.url + path);
    expect(answer.status()).toBe(status);
    await expect(zoya.heading(said)).toBeVisible();
    await isAccessible(page);
    await page.locator("main").getByRole("link").last().click();
    await expect(page).toHaveURL(`${node.url}/`);
  }
  await page.goto(`${node.url}/nothing`);
  await zoya.shows(info, "error-404");
  forgives(zoya);
  await zoya.isWell();
});

test("a page that was out of sight for a minute asks anew and misses nothing", async ({ open }) => {
  const kira = await open(node, "kira");
  const { page } = kira;
  const petr = await new Caller(node, "petr").registers(PASSWORD);
  await page.clock.install();
  let sockets = 0;
  page.on("websocket", () => (sockets += 1));
  await kira.registers();
  const chat = await petr.chatWith("kira");
  await petr.sends(chat, "один");
  await kira.opensCard("petr");
  // What comes live tells that the socket of this page is there; from here on new ones are counted.
  await expect(kira.message("один")).toHaveCount(1);
  await petr.sends(chat, "ещё один");
  await expect(kira.message("ещё один")).toHaveCount(1);
  sockets = 0;
  const hide = (hidden) => page.evaluate((now) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => now });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  await hide(true);
  await page.clock.fastForward(30_000);
  await hide(false);
  expect(sockets, "half a minute is nothing").toBe(0);
  await hide(true);
  await petr.sends(chat, "два");
  await page.clock.fastForward(61_000);
  await hide(false);
  await expect.poll(() => sockets).toBe(1);
  await petr.sends(chat, "три");
  for (const text of ["ещё один", "два", "три"]) await expect(kira.message(text)).toHaveCount(1);
  await expect(page.locator("[data-banner]")).toBeHidden();
  await kira.isWell();
});
