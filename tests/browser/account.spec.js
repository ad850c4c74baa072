// Settings and the ways back into an account: switches that save at once, sessions, words, the owner's part.
import { expect } from "@playwright/test";
import { isAccessible } from "./axe.js";
import { Caller, Node } from "./nodes.js";
import { PASSWORD, test } from "./people.js";

let node;

const WORDS = {
  ru: {
    saved: "Сохранено", read: "Отметки о прочтении", enter: "Enter отправляет сообщение", old: "Нынешний пароль", fresh: "Новый пароль", change: "Сменить пароль",
    wrongOld: "Это не нынешний пароль. Проверьте раскладку.", short: "Пароль: не короче 10 знаков", others: "Завершить остальные", thisOne: "Этот сеанс",
    show: "Показать слова", wrong: "Пароль не подходит. Проверьте раскладку.", words: "Слова восстановления", recover: "Войти с новым паролем",
    nobody: "На этом узле нет аккаунта с такими словами", few: "Слов должно быть 24", unknown: "Такого слова в списке нет. Проверьте каждое слово.",
    mixed: "Слова есть в списке, но вместе они не подходят. Проверьте порядок.", name: "Имя", save: "Сохранить", hidden: "В имени есть невидимые знаки",
    closed: "Владелец узла закрыл этот аккаунт", gone: "Эта ссылка уже не действует. Попросите владельца узла о новой.", stale: "Форма устарела. Откройте страницу заново и повторите.",
  },
  en: {
    saved: "Saved", read: "Read marks", enter: "Enter sends the message", old: "Present password", fresh: "New password", change: "Change the password",
    wrongOld: "This is not your present password. Check your keyboard layout.", short: "Password: at least 10 characters", others: "End all others", thisOne: "This session",
    show: "Show the words", wrong: "The password is wrong. Check your keyboard layout.", words: "Recovery words", recover: "Log in with the new password",
    nobody: "No account on this node has these words", few: "There must be 24 words", unknown: "One of these words is not in the list. Check each word.",
    mixed: "The words are in the list but do not fit together. Check their order.", name: "Name", save: "Save", hidden: "The name has invisible characters",
    closed: "The owner of the node has closed this account", gone: "This link does not count any more. Ask the owner of the node for a new one.", stale: "This form is out of date. Open the page again and repeat.",
  },
};
const words = (info) => WORDS[info.project.metadata.language];

test.beforeAll(async ({}, info) => {
  node = await new Node("dom", info.project.metadata.language).up();
  await new Caller(node, "vladelec").registers(PASSWORD);
});

test.afterAll(async () => {
  await node?.remove();
});

const PARTS = ["profile", "look", "notify", "privacy", "sessions", "words"];

// A refused form is an answer with an error status, which the browser notes in its console.
const forgives = (someone) => (someone.faults = someone.faults.filter((fault) => !fault.includes("Failed to load resource")));

test("every section in both themes, and accessible", async ({ open }, info) => {
  const mira = await open(node, "mira");
  await mira.registers();
  for (const theme of ["light", "dark"]) {
    await mira.page.goto(`${node.url}/settings/look`);
    await mira.page.locator(`input[name=theme][value=${theme}]`).check({ force: true });
    await expect(mira.page.locator("html")).toHaveAttribute("data-theme", theme);
    for (const part of PARTS) {
      await mira.page.goto(`${node.url}/settings/${part}`);
      await expect(mira.page.locator("html")).toHaveAttribute("data-theme", theme);
      await isAccessible(mira.page);
      await mira.shows(info, `settings-${part}-${theme}`);
      await mira.isWell();
    }
  }
  await mira.logsOut();
  for (const path of ["/login", "/register", "/recover"]) {
    await mira.page.goto(`${node.url}${path}`);
    await isAccessible(mira.page);
    await mira.isWell();
  }
  await mira.shows(info, "recover");
});

test("switches save at once, say so, and hold", async ({ open }, info) => {
  const text = words(info);
  const lada = await open(node, "lada");
  await lada.registers();
  const { page } = lada;
  await page.goto(`${node.url}/settings/privacy`);
  await expect(page.getByRole("button", { name: text.save, exact: true })).toBeHidden();
  await page.getByRole("switch", { name: text.read }).click();
  await expect(page.getByRole("status").filter({ hasText: text.saved })).toBeVisible();
  // The word of the switch before is still there: what is waited for is the answer.
  const kept = page.waitForResponse((answer) => answer.request().method() === "POST");
  await page.locator("input[name=first][value=nobody]").check({ force: true });
  await kept;
  await page.reload();
  await expect(page.getByRole("switch", { name: text.read })).not.toBeChecked();
  await expect(page.locator("input[name=first][value=nobody]")).toBeChecked();
  // The text grows and stays grown; nothing scrolls sideways.
  await page.goto(`${node.url}/settings/look`);
  for (const size of ["130", "87", "115"]) {
    await page.locator(`input[name=text_size][value="${size}"]`).check({ force: true });
    await expect(page.locator("html")).toHaveAttribute("data-size", size);
    expect(await page.evaluate(() => parseFloat(getComputedStyle(document.documentElement).fontSize))).toBeCloseTo((16 * Number(size)) / 100, 1);
    await lada.isWell();
  }
  await expect(page.getByRole("status").filter({ hasText: text.saved })).toBeVisible();
  await page.reload();
  await expect(page.locator("html")).toHaveAttribute("data-size", "115");
  // Enter becomes a new line, Ctrl Enter sends.
  await page.getByRole("switch", { name: text.enter }).click();
  await expect(page.getByRole("status").filter({ hasText: text.saved })).toBeVisible();
  const petr = await new Caller(node, "petr").registers(PASSWORD);
  await lada.opensChatWith("pe", "petr@dom");
  await lada.composer.fill("раз");
  await lada.composer.press("Enter");
  await lada.composer.pressSequentially("два");
  await expect(page.locator(".msg")).toHaveCount(0);
  await lada.composer.press("Control+Enter");
  await lada.sees("раз");
  await expect(lada.message("раз").locator(".text")).toHaveText("раз\nдва");
  await page.goto(`${node.url}/help/keys`);
  await expect(page.locator(".keys kbd").getByText("Ctrl Enter", { exact: true })).toBeVisible();
  await expect(page.locator(".keys kbd").getByText("Shift Enter", { exact: true })).toHaveCount(0);
  // Nobody may write first: a first message waits among the requests, and can be taken.
  await petr.sends(await petr.chatWith("lada"), "это прежний чат");
  const olga = await new Caller(node, "olga").registers(PASSWORD);
  await olga.sends(await olga.chatWith("lada"), "здравствуйте");
  await page.goto(node.url);
  await expect(lada.card("petr")).toBeVisible();
  await expect(lada.card("olga")).toHaveCount(0);
  await page.locator("a[href='/?filter=requests']").click();
  await lada.card("olga").click();
  await lada.sees("здравствуйте");
  await isAccessible(page);
  await lada.shows(info, "request");
  await page.locator("button[value=accept]").click();
  await page.goto(node.url);
  await expect(lada.card("olga")).toBeVisible();
  await lada.opensCard("petr");
  // The zone of the browser was told: times are drawn in it before any script runs.
  const html = await page.request.get(page.url());
  expect(await html.text()).toContain('data-zone="Europe/Moscow"');
  await lada.isWell();
});

test("sessions, password and the 24 words", async ({ open, browser }, info) => {
  const text = words(info);
  const zhora = await open(node, "zhora");
  await zhora.registers();
  const other = await open(node, "zhora");
  await other.logsIn();
  await other.isIn();
  const { page } = zhora;
  const oldField = page.getByLabel(text.old, { exact: true });
  const newField = page.getByLabel(text.fresh, { exact: true });
  const change = page.getByRole("button", { name: text.change, exact: true });
  await page.goto(`${node.url}/settings/sessions`);
  await expect(page.getByText(text.thisOne)).toHaveCount(1);
  await expect(page.locator("main ul li")).toHaveCount(2);
  await page.getByRole("button", { name: text.others, exact: true }).click();
  await expect(page.locator("main ul li")).toHaveCount(1);
  await other.page.goto(node.url);
  await expect(other.heading(other.words.login)).toBeVisible();
  // Another person's page: its socket is told that the session is over.
  await oldField.fill("not the password");
  await newField.fill("a brand new password");
  await change.click();
  await expect(page.getByText(text.wrongOld)).toBeVisible();
  await expect(oldField).toHaveAttribute("aria-invalid", "true");
  await expect(oldField).toBeFocused();
  await expect(newField).toHaveValue("");
  await isAccessible(page);
  await zhora.shows(info, "settings-wrong-password");
  await oldField.fill(PASSWORD);
  // Around the check of the browser, as a program would.
  await newField.evaluate((field) => field.removeAttribute("minlength"));
  await newField.fill("short");
  await change.click();
  await expect(page.getByText(text.short)).toBeVisible();
  await oldField.fill(PASSWORD);
  await newField.fill("a brand new password");
  await change.click();
  await expect(page.getByText(text.saved)).toBeVisible();

  // The words, after the new password; then the account comes back by them alone.
  await page.goto(`${node.url}/settings/words`);
  await page.getByLabel(zhora.words.password, { exact: true }).fill("nonsense");
  await page.getByRole("button", { name: text.show }).click();
  await expect(page.getByText(text.wrong)).toBeVisible();
  await page.getByLabel(zhora.words.password, { exact: true }).fill("a brand new password");
  await page.getByRole("button", { name: text.show }).click();
  const list = page.locator("ol.words li");
  await expect(list).toHaveCount(24);
  const phrase = await list.allInnerTexts();
  await isAccessible(page);
  await zhora.shows(info, "settings-words-shown");
  await zhora.isWell.call({ ...zhora, faults: forgives(zhora), page });

  await page.goto(`${node.url}/recover`);
  const field = page.getByLabel(text.words, { exact: true });
  const enter = async (value) => {
    await field.fill(value);
    await newField.fill("third time lucky");
    await page.getByRole("button", { name: text.recover }).click();
  };
  for (const [value, why] of [
    ["one two three", text.few],
    ["слово ".repeat(24), text.unknown],
    ["zoo ".repeat(24), text.mixed],
  ]) {
    await enter(value);
    await expect(page.getByText(why)).toBeVisible();
    await expect(field).toHaveValue("");
  }
  await isAccessible(page);
  // Words of nobody here could make a new home of their user: that is asked first.
  await enter(`${"abandon ".repeat(23)}art`);
  await expect(page.getByText(text.nobody)).toBeVisible();
  await isAccessible(page);
  await page.goto(`${node.url}/recover`);
  await enter(phrase.join(", ").toUpperCase());
  await zhora.isIn();
  await zhora.logsOut();
  await zhora.logsIn("third time lucky");
  await zhora.isIn();
  forgives(zhora);
  forgives(other);
});

test("bad names keep what was typed, a stale form says so", async ({ open }, info) => {
  const text = words(info);
  const bella = await open(node, "bella");
  await bella.registers();
  const { page } = bella;
  await page.goto(`${node.url}/settings/profile`);
  const name = page.getByLabel(text.name, { exact: true });
  await name.fill("Бе\u202eлла");
  await page.locator("textarea[name=about]").fill("о себе");
  await page.getByRole("button", { name: text.save, exact: true }).click();
  await expect(page.getByText(text.hidden)).toBeVisible();
  await expect(name).toHaveValue("Бе\u202eлла");
  await expect(name).toBeFocused();
  await expect(page.locator("textarea[name=about]")).toHaveValue("о себе");
  await isAccessible(page);
  await page.evaluate(() => document.querySelectorAll("main input[name=_csrf]").forEach((field) => (field.value = "stale")));
  await name.fill("Белла");
  await page.getByRole("button", { name: text.save, exact: true }).click();
  await expect(page.getByText(text.stale)).toBeVisible();
  forgives(bella);
});

test("the owner looks after the node", async ({ open }, info) => {
  const text = words(info);
  const owner = await open(node, "vladelec");
  await owner.logsIn();
  const guest = await open(node, "gost");
  await guest.registers();
  await guest.page.goto(`${node.url}/settings/node`);
  await expect(guest.page.locator("main")).toContainText("403");
  const { page } = owner;
  await page.goto(`${node.url}/settings/node`);
  await isAccessible(page);
  await owner.shows(info, "settings-node");
  await owner.isWell();
  const row = () => page.locator("li.people").filter({ hasText: "gost" });
  await row().locator("form[action$=close] button").click();
  await expect(row()).toContainText(info.project.metadata.language === "ru" ? "закрыт" : "closed");
  await guest.logsIn();
  await expect(guest.page.getByText(text.closed)).toBeVisible();
  await row().locator("form[action$=open] button").click();
  await row().locator("form[action$=password] button").click();
  const link = await page.locator(".code").first().innerText();
  await isAccessible(page);
  await guest.page.goto(link);
  await isAccessible(guest.page);
  await guest.page.getByLabel(text.fresh, { exact: true }).fill("from the link 2");
  await guest.page.getByRole("button", { name: text.change }).click();
  await guest.isIn();
  await guest.page.goto(link);
  await expect(guest.page.getByText(text.gone)).toBeVisible();
  // An invitation fills the code in.
  await page.goto(`${node.url}/settings/node`);
  await page.locator("input[name=registration][value=invite]").check({ force: true });
  await page.locator("form[action='/settings/node'] button").click();
  await page.locator("form[action$=invite] button").click();
  const invitation = await page.locator(".code").first().innerText();
  const fresh = await open(node, "novyj");
  await fresh.page.goto(invitation);
  await fresh.nickField.fill("novyj");
  await fresh.passwordField.fill(PASSWORD);
  await fresh.page.getByRole("button", { name: fresh.words.registerDo }).click();
  await fresh.isIn();
  await page.goto(`${node.url}/settings/node`);
  await page.locator("input[name=registration][value=open]").check({ force: true });
  await page.locator("form[action='/settings/node'] button").click();
  await expect(page.locator(".saved")).toBeVisible();
  forgives(guest);
});

test("notifications come when asked for, and not for what is on the screen", async ({ open }, info) => {
  const nora = await open(node, "nora");
  // The browser's part is played here: what it was asked, and what it was told to show.
  await nora.page.addInitScript(() => {
    window.shown = [];
    window.Notification = class {
      static permission = localStorage.getItem("test.permission") ?? "default";
      static async requestPermission() {
        localStorage.setItem("test.permission", "granted");
        return (window.Notification.permission = "granted");
      }
      constructor(title, { body, tag }) {
        window.shown.push({ title, body, tag });
      }
    };
    ServiceWorkerRegistration.prototype.showNotification = async (title, { body, tag }) => window.shown.push({ title, body, tag });
  });
  await nora.registers();
  const { page } = nora;
  const stas = await new Caller(node, "stas").registers(PASSWORD);
  const chat = await stas.chatWith("nora");
  const shown = () => page.evaluate(() => window.shown);
  await page.goto(`${node.url}/settings/notify`);
  await stas.sends(chat, "ещё выключены");
  await expect(page).toHaveTitle(/^\(1\) /);
  await page.locator("[data-notify-on]").click();
  await expect(page.locator("[data-notify-off]")).toBeVisible();
  await expect(page.locator("[data-notify-on]")).toBeHidden();
  await nora.shows(info, "notify-on");
  await stas.sends(chat, "виден другой раздел");
  await expect.poll(shown).toEqual([{ title: "stas", body: "виден другой раздел", tag: chat }]);
  // Of an open chat in a window that is seen nothing is said; of a hidden one it is, without the text if so wished.
  await nora.opensCard("stas");
  await stas.sends(chat, "видно и так");
  await nora.sees("видно и так");
  expect(await shown()).toEqual([]);
  await page.goto(`${node.url}/settings/notify`);
  await page.getByRole("switch").last().click();
  await expect(page.locator(".toast")).toBeVisible();
  await page.goto(node.url);
  await stas.sends(chat, "тайна");
  await expect.poll(async () => (await shown()).length).toBe(1);
  expect(JSON.stringify(await shown())).not.toContain("тайна");
  await nora.isWell();
});
