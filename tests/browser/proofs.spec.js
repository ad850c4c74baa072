// What is seldom met: another version after a restart, notifications of the system, a damaged row, a full disk.
import { spawnSync } from "node:child_process";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "@playwright/test";
import { Caller, Node, seed } from "./nodes.js";
import { PASSWORD, test } from "./people.js";

const WORDS = {
  ru: { reload: "Перезагрузить", broke: "Что-то сломалось на узле. Код", full: "кончилось место" },
  en: { reload: "Reload", broke: "Something broke on the node. Code", full: "no room left" },
};
const words = (info) => WORDS[info.project.metadata.language];
const forgives = (someone) => (someone.faults = someone.faults.filter((fault) => !fault.includes("Failed to load resource")));

let node;

test.beforeAll(async ({}, info) => {
  node = await new Node("dom", info.project.metadata.language).up();
});

test.afterAll(async () => {
  await node?.remove();
});

test("a page of another version offers to load itself anew", async ({ open }, info) => {
  const text = words(info);
  const lada = await open(node, "lada");
  await lada.registers();
  const { page } = lada;
  await new Caller(node, "stas").registers(PASSWORD);
  await lada.opensChatWith("st", "stas@dom");
  // Until the node has said its version, the change below would be noticed at once.
  // A socket of the page before may still open meanwhile: only one that comes after the change of pages counts.
  let now = null;
  page.on("framenavigated", () => (now = null));
  page.on("websocket", (socket) => {
    const one = { greeted: false };
    now = one;
    socket.on("framereceived", () => (one.greeted = true));
  });
  await page.reload();
  await expect.poll(() => now?.greeted).toBe(true);
  // The page was made by an older program; this one is what starts again.
  await page.evaluate(() => (document.body.dataset.version = "0.0.1"));
  await lada.composer.fill("недописано");
  await expect(page.locator(".toast")).toHaveCount(0);
  await node.down();
  await node.up();
  const button = page.locator(".toast").getByRole("button", { name: text.reload });
  await expect(button).toBeVisible({ timeout: 30_000 });
  await page.waitForTimeout(5500);
  await expect(button, "it stays until it is answered").toBeVisible();
  await lada.shows(info, "new-version");
  await button.click();
  await expect.poll(() => page.evaluate(() => document.body.dataset.version)).not.toBe("0.0.1");
  await expect(lada.composer).toHaveValue("недописано");
  await lada.isWell();
});

test("the system's own notification comes by the worker, and a click on it opens the chat", async ({ open }) => {
  const nora = await open(node, "nora");
  const { page } = nora;
  const context = page.context();
  await context.grantPermissions(["notifications"]);
  await page.addInitScript(() => {
    window.badges = [];
    navigator.setAppBadge = async (n) => window.badges.push(n);
    navigator.clearAppBadge = async () => window.badges.push(0);
  });
  await nora.registers();
  const egor = await new Caller(node, "egor").registers(PASSWORD);
  const chat = await egor.chatWith("nora");
  await page.goto(`${node.url}/settings/notify`);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.locator("[data-notify-on]").click();
  await expect(page.locator("[data-notify-off]")).toBeVisible();
  await egor.sends(chat, "вам письмо");
  const told = () => page.evaluate(async () => {
    const all = await (await navigator.serviceWorker.ready).getNotifications();
    return all.map(({ title, body, tag, data, icon }) => ({ title, body, tag, data, icon: icon !== "" }));
  });
  await expect.poll(told).toEqual([{ title: "egor", body: "вам письмо", tag: chat, data: chat, icon: true }]);
  await egor.sends(chat, "и ещё одно");
  await expect.poll(async () => (await told()).map((it) => it.body), "one per chat").toEqual(["и ещё одно"]);
  expect(await page.evaluate(() => window.badges.at(-1)), "the installed page counts chats").toBe(1);

  // The click as the system tells it to the worker: of the windows there are it takes this one to the chat.
  const [worker] = context.serviceWorkers();
  await worker.evaluate(async () => {
    const [notification] = await self.registration.getNotifications();
    self.dispatchEvent(new NotificationEvent("notificationclick", { notification }));
  });
  await expect(page).toHaveURL(`${node.url}/c/${chat}`);
  await nora.sees("и ещё одно");
  await expect.poll(() => page.evaluate(() => window.badges.at(-1)), "read: the number goes").toBe(0);
  expect(await told()).toEqual([]);
  await nora.isWell();
});

test("what cannot be read is one page with a code that the log has, and nothing else breaks", async ({ open }, info) => {
  const text = words(info);
  const zoya = await open(node, "zoya");
  await zoya.registers();
  const [petr, anton] = [await new Caller(node, "petr").registers(PASSWORD), await new Caller(node, "anton").registers(PASSWORD)];
  const chat = await petr.chatWith("zoya");
  await petr.sends(chat, "пропадёт");
  await anton.sends(await anton.chatWith("zoya"), "останется");
  const { page } = zoya;
  // A page whose socket is silent: else the node that comes back would have it load itself anew.
  await page.routeWebSocket(/\/live/, () => {});
  await zoya.opensCard("petr");
  await node.down();
  seed(node, "damage", chat);
  await node.up();
  // Sending into it: the reason stands near the field and the text is not lost.
  await expect.poll(() => page.evaluate(() => fetch("/healthz").then((it) => it.status))).toBe(200);
  await zoya.composer.fill("важное");
  await zoya.sendButton.click();
  await expect(page.locator(".toast")).toContainText(text.broke);
  await zoya.shows(info, "error-500-toast");
  const answer = await page.goto(`${node.url}/c/${chat}`);
  expect(answer.status()).toBe(500);
  const said = await page.locator("h1").innerText();
  expect(said).toContain(text.broke);
  const code = said.match(/[0-9a-f]{8}/)[0];
  await expect.poll(() => node.log).toContain(code);
  await zoya.shows(info, "error-500");
  await zoya.opensCard("anton");
  await zoya.sees("останется");
  forgives(zoya);
  await zoya.isWell();
});

test("a disk that fills up is told in an open page, and so is the room that comes back", async ({ open }, info) => {
  const text = words(info);
  const small = new Node("malo", info.project.metadata.language);
  mkdirSync(small.folder);
  small.inside = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", 'mount -t tmpfs -o size=24m,mode=700 tmpfs "$1"; shift; exec "$@"', "sh", small.folder];
  const may = spawnSync("unshare", ["--mount", "mount", "-t", "tmpfs", "tmpfs", small.base]).status === 0;
  if (!may) console.log("SKIPPED a full disk in an open page: no rights for a mount namespace");
  test.skip(!may, "no rights for a mount namespace");
  try {
    await small.up();
    const olga = await open(small, "olga");
    await olga.registers();
    const { page } = olga;
    await page.goto(small.url);
    const line = page.locator("[data-full]");
    await expect(line).toBeHidden();
    const filler = join(`/proc/${small.process.pid}/root`, small.folder, "filler");
    spawnSync("sh", ["-c", `head -c 100M /dev/zero > '${filler}'`]);
    await expect(line).toContainText(text.full);
    await expect(line).toBeVisible();
    await olga.shows(info, "disk-full");
    rmSync(filler);
    await expect(line).toBeHidden();
    await olga.isWell();
  } finally {
    await small.remove();
  }
});
