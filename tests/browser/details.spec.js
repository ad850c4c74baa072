// Names after an @, the details of a chat, what can be taken back, who is here, and how to put HTTPS in front.
import { expect } from "@playwright/test";
import { isAccessible } from "./axe.js";
import { Caller, pair } from "./nodes.js";
import { PASSWORD, test } from "./people.js";

const WORDS = {
  ru: { undo: "Вернуть", here: "в сети", gone: "не в сети", linked: "узел в сети", named: "вас упомянули", unblock: "Разблокировать", block: "Заблокировать" },
  en: { undo: "Undo", here: "online", gone: "offline", linked: "node online", named: "you are mentioned", unblock: "Unblock", block: "Block" },
};
const words = (info) => WORDS[info.project.metadata.language];

let nodes;
let sova;
let rys;

test.beforeAll(async ({}, info) => {
  nodes = await pair(info.project.metadata.language);
  sova = await new Caller(nodes.dacha, "sova").registers(PASSWORD);
  rys = await new Caller(nodes.dom, "rys").registers(PASSWORD);
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

test("a member is named by @, sees it on the card and in the message", async ({ open }, info) => {
  const text = words(info);
  const klen = await open(nodes.dom, "klen");
  await klen.registers();
  const { page } = klen;
  const chat = await sova.finds("klen@dom");
  await sova.sends(chat, "@klen, и ещё: @klen@dom. А @nobody здесь нет");
  await page.goto(nodes.dom.url);
  const badge = klen.card("sova").locator(".badge");
  await expect(badge).toHaveText("@");
  await expect(klen.card("sova")).toContainText(text.named);
  await isAccessible(page);
  await klen.shows(info, "named-card");
  await klen.card("sova").click();
  await expect(page.locator(".msg .named.own")).toHaveText(["@klen", "@klen@dom"]);
  await expect(page.locator(".msg .named")).toHaveCount(2);

  // The list over the field: arrows, Escape, Enter and Tab; what is chosen is typed out.
  const list = page.getByRole("listbox");
  const field = klen.composer;
  await field.pressSequentially("sova@dacha");
  await page.waitForTimeout(300);
  await expect(list, "an address names nobody").toBeHidden();
  await field.fill("");
  await field.pressSequentially("Смотри, @S");
  await expect(list.getByRole("option")).toHaveCount(1);
  await expect(field).toHaveAttribute("aria-activedescendant", await list.getByRole("option").getAttribute("id"));
  await both(klen, "names");
  await klen.shows(info, "named-list");
  await field.press("Escape");
  await expect(list).toBeHidden();
  await field.pressSequentially("o");
  await page.waitForTimeout(200);
  await expect(list, "closed by hand it stays closed").toBeHidden();
  await field.fill("@");
  await field.press("ArrowDown");
  await field.press("Tab");
  await expect(field).toHaveValue("@sova ");
  await expect(field).toBeFocused();
  await field.pressSequentially("и @so");
  await expect(list).toBeVisible();
  await field.press("Enter");
  await expect(field, "Enter chose and sent nothing").toHaveValue("@sova и @sova ");
  await field.pressSequentially("тоже");
  await field.press("Enter");
  await expect(klen.message("тоже").locator(".named:not(.own)")).toHaveCount(2);
  await field.pressSequentially("@xyz");
  await page.waitForTimeout(200);
  await expect(list).toBeHidden();
  await klen.isWell();
});

test("the details: a drawer, a column, a page; pin, silence, archive and its way back, block", async ({ open }, info) => {
  const text = words(info);
  const lada = await open(nodes.dom, "lada");
  await lada.registers();
  await lada.opensChatWith("sova", "sova@dacha");
  await lada.sends("привет");
  const { page } = lada;
  const place = page.url();
  const phone = info.project.metadata.size === "phone";
  const title = page.locator("h1 a[data-info]");
  await title.click();
  const body = page.locator(".info-body:visible");
  if (phone) await expect(page).toHaveURL(`${place}/info`);
  else await expect(body.locator("h2")).toBeFocused();
  await expect(body).toContainText("sova@dacha");
  await expect(body).toContainText(text.linked);
  const number = (await body.locator(".fp").first().innerText()).replace(/\s/g, "");
  expect(number).toMatch(/^\d{60}$/);
  await both(lada, "details");
  await lada.shows(info, "details");

  const press = (path, value) => body.locator(`button[formaction$="/${path}"][value="${value}"]`).click();
  await press("pin", "1");
  await expect(body.locator('button[formaction$="/pin"][value="0"]')).toBeVisible();
  await press("mute", "8h");
  await expect(body.locator('button[formaction$="/mute"][value="off"]')).toBeVisible();
  if (!phone) await expect(lada.card("sova").locator("[data-is=pinned]")).toBeVisible();
  await press("archive", "1");
  if (phone) await press("archive", "0");
  else {
    await expect(lada.card("sova")).toHaveCount(0);
    await page.locator(".toast").getByRole("button", { name: text.undo }).click();
    await expect(lada.card("sova").locator("[data-is=pinned]"), "back, and on top as before").toBeVisible();
    await expect(page.locator(".toast")).toHaveCount(0);
  }
  await body.getByRole("button", { name: text.block }).click();
  await expect(lada.composer).toHaveCount(0);
  await page.goto(`${place}/info`);
  await body.getByRole("button", { name: text.unblock }).click();
  await expect(page).toHaveURL(`${place}/info`);
  // The same from the list of the blocked.
  await body.getByRole("button", { name: text.block }).click();
  await expect(lada.composer).toHaveCount(0);
  await page.goto(`${lada.node.url}/settings/privacy`);
  const blocked = page.locator("#blocked");
  await expect(blocked).toContainText("sova@");
  await lada.shows(info, "blocked");
  await blocked.getByRole("button", { name: text.unblock }).click();
  await expect(blocked.getByRole("button")).toHaveCount(0);
  await page.goto(place);
  await expect(lada.composer).toBeVisible();
  if (phone) return lada.isWell();

  // As a column it stays from page to page; Escape closes it and gives the focus back.
  await page.setViewportSize({ width: 1440, height: 900 });
  await title.click();
  const column = page.locator("[data-details]");
  await expect(column).toBeVisible();
  const [left, right] = [await page.locator("main").boundingBox(), await column.boundingBox()];
  expect(left.x + left.width, "beside the chat, not over it").toBeLessThanOrEqual(right.x);
  expect(right.width).toBe(340);
  await page.reload();
  await expect(column).toBeVisible();
  await expect(lada.composer).toBeFocused();
  await lada.shows(info, "details-column");
  await column.locator("h2").focus();
  await page.keyboard.press("Escape");
  await expect(column).toBeHidden();
  await expect(title).not.toHaveCount(0);
  await page.reload();
  await expect(column).toBeHidden();
  // Search in the chat from there.
  await title.click();
  await column.locator("a[data-find]").click();
  await expect(page.locator("#find")).toBeFocused();
  await lada.isWell();
});

test("a message deleted for oneself comes back where it stood, with and without scripts", async ({ open }, info) => {
  const text = words(info);
  const nina = await open(nodes.dom, "nina");
  await nina.registers();
  await nina.opensChatWith("sova", "sova@dacha");
  const { page } = nina;
  for (const line of ["раз", "два", "три"]) await nina.sends(line);
  await nina.seesState("три", /stored|delivered|read/);
  const lines = (on) => on.locator(".msg .text").allInnerTexts();
  await nina.acts("два", "delete");
  await page.locator("dialog[open] [data-scope=me]").click();
  await expect(nina.message("два")).toHaveCount(0);
  const toast = page.locator(".toast");
  // On a phone it covers for a moment what stands below it, which is no small target for that.
  if (info.project.metadata.size !== "phone") await isAccessible(page);
  await nina.shows(info, "undo");
  await toast.getByRole("button", { name: text.undo }).click();
  await expect.poll(() => lines(page)).toEqual(["раз", "два", "три"]);
  await page.reload();
  expect(await lines(page)).toEqual(["раз", "два", "три"]);
  // The offer goes by itself.
  await nina.acts("три", "delete");
  await page.locator("dialog[open] [data-scope=me]").click();
  await expect(toast).toBeVisible();
  await page.mouse.move(0, 0);
  await expect(toast).toHaveCount(0, { timeout: 9000 });

  const plain = await open(nodes.dom, "nina", { javaScriptEnabled: false });
  await plain.logsIn();
  await plain.page.goto(page.url());
  await plain.message("раз").locator("[data-opts]").click();
  await plain.page.locator("button[name=scope][value=me]").click();
  await expect(plain.message("раз")).toHaveCount(0);
  await plain.page.getByRole("button", { name: text.undo }).click();
  await expect(plain.message("раз")).toHaveCount(1);
  await nina.isWell();
});

test("people of one node see each other come and go, unless one of them hides", async ({ open }, info) => {
  const text = words(info);
  const vera = await open(nodes.dom, "vera");
  const gleb = await open(nodes.dom, "gleb");
  await vera.registers();
  await gleb.registers();
  await vera.opensChatWith("gleb", "gleb@dom");
  await vera.sends("ты тут?");
  const state = vera.page.locator("[data-presence]");
  await expect(state).toHaveText(text.here);
  await expect(vera.page.locator(".chat-top .av")).toHaveClass(/\bon\b/);
  const secret = await gleb.page.context().newPage();
  await gleb.page.close();
  await secret.close();
  await expect(state).toContainText(text.gone, { timeout: 20_000 });

  // Whoever hides is not seen and sees nobody: of people here nothing, of people elsewhere not even their node.
  const page = await gleb.page.context().newPage();
  gleb.page = page;
  const set = async (on) => {
    await page.goto(`${nodes.dom.url}/settings/privacy`);
    await page.getByRole("switch").nth(2).setChecked(on, { force: true });
    await expect(page.locator(".toast")).toBeVisible();
  };
  await set(false);
  await gleb.opensCard("vera");
  await expect(page.locator("[data-presence]")).toHaveText("");
  await expect(page.locator(".av.on")).toHaveCount(0);
  await vera.page.reload();
  await expect(state).toHaveText("");
  await gleb.opensChatWith("sova", "sova@dacha");
  await expect(page.locator("[data-presence]")).toHaveText("");
  await set(true);
  await gleb.opensCard("vera");
  await expect(page.locator("[data-presence]")).toContainText(text.here);
  await vera.page.reload();
  await expect(state).toContainText(text.here);
  await vera.isWell();
});

test("forwarding finds any chat, also one that is not among the newest", async ({ open }) => {
  const egor = await open(nodes.dom, "egor");
  await egor.registers();
  const { page } = egor;
  await rys.sends(await rys.chatWith("egor"), "архивное");
  await egor.opensChatWith("sova", "sova@dacha");
  await egor.sends("передай дальше");
  await egor.seesState("передай", /stored|delivered|read/);
  await egor.acts("передай", "forward");
  const dialog = page.locator("dialog[open]");
  const rows = dialog.locator(".choices button");
  await expect(rows).toHaveCount(2);
  await expect(dialog.getByRole("searchbox")).toBeFocused();
  await dialog.getByRole("searchbox").fill("RY");
  await expect(rows).toHaveCount(1);
  await isAccessible(page);
  await dialog.getByRole("searchbox").fill("никто");
  await expect(rows).toHaveCount(0);
  await dialog.getByRole("searchbox").fill("rys@dom");
  await expect(rows).toHaveCount(1);
  await page.keyboard.press("Enter");
  await expect(rows).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.locator(".msg .q")).toContainText("передай дальше");
  await egor.isWell();
});

test("the page about HTTPS is led to where notifications are not possible", async ({ open }, info) => {
  const igor = await open({ ...nodes.dom, url: `http://198.51.100.7:${nodes.dom.ports.web}` }, "igor");
  await igor.registers();
  await igor.page.goto(`${igor.node.url}/settings/notify`);
  await igor.page.locator("[data-https] a").click();
  await expect(igor.page).toHaveURL(/\/help\/https$/);
  await expect(igor.page.locator("main")).toContainText("--public-url https://");
  await both(igor, "https");
  await igor.shows(info, "https");
});
