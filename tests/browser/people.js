// Every selector and every word of the pages that the tests look for. When a page changes, this file changes.
import { expect, test as base } from "@playwright/test";

export const PASSWORD = "лодка у причала 7";

const WORDS = {
  ru: {
    register: "Регистрация", registerDo: "Создать аккаунт", login: "Логин", loginDo: "Войти", nick: "Ник", password: "Пароль",
    start: "Начать чат", message: "Сообщение", send: "Отправить", out: "Выход", settings: "Настройки", group: "Создать группу",
    menu: "Меню", bad: "Ник или пароль не подходят", away: "Узел dacha не в сети. Доставим, когда появится.",
    delivered: "Доставлено на узел dacha", dark: "Тёмная", light: "Светлая", save: "Сохранить", english: "English", russian: "Русский",
    offline: "Нет связи с узлом", search: "Найти человека или чат", you: "вы", editing: "Изменение", edited: "изм.",
    deleteAll: "Другие узлы получат просьбу удалить. Проверить это нельзя.", foundNone: "Ничего не нашлось",
    found: (a, b) => `${a} из ${b}`, again: "Войдите снова", since: "Ждёт с", nextTry: "следующая попытка", actions: "Действия с сообщением",
  },
  en: {
    register: "Sign up", registerDo: "Create account", login: "Log in", loginDo: "Log in", nick: "Nick", password: "Password",
    start: "Start chat", message: "Message", send: "Send", out: "Log out", settings: "Settings", group: "Create group",
    menu: "Menu", bad: "Nick or password is wrong", away: "Node dacha is offline. We will deliver when it is back.",
    delivered: "Delivered to dacha", dark: "Dark", light: "Light", save: "Save", english: "English", russian: "Русский",
    offline: "No connection to the node", search: "Find a person or chat", you: "you", editing: "Editing", edited: "edited",
    deleteAll: "Other nodes are asked to delete. This cannot be verified.", foundNone: "Nothing found",
    found: (a, b) => `${a} of ${b}`, again: "Log in again", since: "Waiting since", nextTry: "next try", actions: "Message actions",
  },
};

// `open` makes people with a browser of their own; no test passes when a script failed or a policy was broken for one.
export const test = base.extend({
  open: async ({ browser }, use, info) => {
    const all = [];
    await use(async (node, nick, options) => {
      const context = await browser.newContext(options);
      all.push(new Someone(await context.newPage(), node, nick, info.project.metadata.language));
      return all.at(-1);
    });
    for (const someone of all) {
      expect(someone.faults, `${someone.nick} at ${someone.page.url()}`).toEqual([]);
      await someone.page.context().close();
    }
  },
});

// One person at one browser page.
export class Someone {
  constructor(page, node, nick, language) {
    Object.assign(this, { page, node, nick, words: WORDS[language] });
    this.faults = [];
    page.on("dialog", async (dialog) => {
      this.faults.push(`a dialog: ${dialog.message()}`);
      await dialog.dismiss();
    });
    page.on("pageerror", (error) => this.faults.push(error.stack ?? String(error)));
    page.on("console", (line) => {
      // A navigation cuts sockets and fetches off, also the worker's own; that is no fault of the page.
      const cut = /net::ERR_|WebSocket connection|error occurred when fetching the script/;
      if (line.type() === "error" && !cut.test(line.text())) this.faults.push(line.text());
    });
  }

  heading(name) {
    return this.page.getByRole("heading", { level: 1, name, exact: true });
  }

  get nickField() {
    return this.page.getByLabel(this.words.nick, { exact: true });
  }

  get passwordField() {
    return this.page.getByLabel(this.words.password, { exact: true });
  }

  get composer() {
    return this.page.getByRole("textbox", { name: this.words.message, exact: true });
  }

  get sendButton() {
    return this.page.getByRole("button", { name: this.words.send, exact: true });
  }

  get cards() {
    return this.page.locator(".cards .card");
  }

  card(nick) {
    return this.cards.filter({ hasText: nick });
  }

  // A message of the open chat by its text.
  message(text) {
    return this.page.locator(".msg").filter({ has: this.page.locator(".text", { hasText: text }) });
  }

  async registers() {
    await this.page.goto(`${this.node.url}/register`);
    await expect(this.heading(this.words.register)).toBeVisible();
    await this.nickField.fill(this.nick);
    await this.passwordField.fill(PASSWORD);
    await this.page.getByRole("button", { name: this.words.registerDo, exact: true }).click();
    await this.isIn();
    // The first one of a node is shown around: see welcome.spec.js.
    if (this.page.url().endsWith("/welcome")) await this.page.goto(this.node.url);
  }

  async logsIn(password = PASSWORD) {
    await this.page.goto(`${this.node.url}/login`);
    await expect(this.heading(this.words.login)).toBeVisible();
    await this.nickField.fill(this.nick);
    await this.passwordField.fill(password);
    await this.page.getByRole("button", { name: this.words.loginDo, exact: true }).click();
  }

  async logsOut() {
    await this.page.goto(this.node.url);
    await this.page.getByRole("button", { name: this.words.out, exact: true }).click();
    await expect(this.heading(this.words.login)).toBeVisible();
  }

  // The menu is there for those who are signed in, and only for them.
  async isIn() {
    const menu = this.page.getByRole("navigation", { name: this.words.menu, exact: true });
    for (const name of [this.words.settings, this.words.group]) {
      await expect(menu.getByRole("link", { name, exact: true })).toBeVisible();
    }
    await expect(menu.getByRole("button", { name: this.words.out, exact: true })).toBeVisible();
  }

  // Types the beginning of a name; the rest of the page comes by itself (or by Enter without scripts).
  async searches(beginning, { enter = false } = {}) {
    await this.page.goto(`${this.node.url}/search`);
    const field = this.page.locator("main input[name=q]");
    await field.pressSequentially(beginning, { delay: 30 });
    if (enter) await field.press("Enter");
  }

  // A row of the search by its address.
  result(address) {
    return this.page.locator("main .res").filter({ hasText: address });
  }

  async opensChatWith(beginning, address, options) {
    await this.searches(beginning, options);
    await this.result(address).locator("a").click();
    await this.page.getByRole("button", { name: this.words.start, exact: true }).click();
    await expect(this.page).toHaveURL(/\/c\/[0-9a-f]{64}/);
  }

  async sends(text) {
    await this.composer.fill(text);
    await this.sendButton.click();
    await expect(this.message(text)).toBeVisible();
  }

  async sees(text) {
    await expect(this.message(text)).toBeVisible();
  }

  // The menu of a message, opened from the bar beside it.
  async menu(text) {
    await this.message(text).hover();
    await this.message(text).locator("[data-bar] [data-do=menu]").click();
    await expect(this.page.locator("[data-menu]")).toBeVisible();
  }

  // One act of that menu.
  async acts(text, what) {
    await this.menu(text);
    await this.page.locator(`[data-menu] [data-do=${what}]`).click();
  }

  // How far an own message has come, as the page tells it.
  async seesState(text, states) {
    await expect(this.message(text)).toHaveAttribute("data-state", states);
  }

  async opensCard(nick) {
    await this.page.goto(this.node.url);
    await this.card(nick).click();
    await expect(this.composer).toBeVisible();
  }

  // Nothing scrolls sideways and nothing broke in the page.
  async isWell() {
    // A page that is still being laid out may be wide for a moment; one that stays so is not well.
    const wide = () => this.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    await expect.poll(wide, { message: `${this.page.url()} scrolls sideways`, timeout: 3_000 }).toBeLessThanOrEqual(0);
    expect(this.faults).toEqual([]);
  }

  // Theme and language of the settings, and back.
  async changesTheLook() {
    const { page, words } = this;
    const html = page.locator("html");
    const lang = await html.getAttribute("lang");
    const choose = async (name, save) => {
      await page.getByText(name, { exact: true }).click();
      // With scripts it is saved at once, and there is no button.
      const button = page.getByRole("button", { name: save, exact: true });
      if (await button.isVisible()) await button.click();
    };
    const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor).catch(() => null);
    await page.goto(`${this.node.url}/settings/look`);
    await choose(words.dark, words.save);
    await expect(html).toHaveAttribute("data-theme", "dark");
    await expect.poll(ground).toBe("rgb(15, 21, 22)");
    await choose(words.light, words.save);
    await expect(html).toHaveAttribute("data-theme", "light");
    await expect.poll(ground).toBe("rgb(244, 241, 234)");
    const other = lang === "ru" ? "en" : "ru";
    await choose(lang === "ru" ? words.english : words.russian, words.save);
    await expect(html).toHaveAttribute("lang", other);
    await choose(lang === "ru" ? words.russian : words.english, WORDS[other].save);
    await expect(html).toHaveAttribute("lang", lang);
  }

  // A picture to look at, where somebody is going to.
  async shows(info, name) {
    if (!process.env.CHATER_SHOTS) return;
    const file = `test-results/shots/${info.project.name}-${name}.png`;
    await this.page.screenshot({ path: file });
    await info.attach(name, { path: file, contentType: "image/png" });
  }
}
