// A group of people on three nodes: made from the menu, talked in, one more added, one removed, left.
import { expect } from "@playwright/test";
import { isAccessible as axe } from "./axe.js";
import { Node, pair } from "./nodes.js";
import { test } from "./people.js";

let nodes;

test.beforeAll(async ({}, info) => {
  const { language } = info.project.metadata;
  nodes = await pair(language);
  nodes.lab = await new Node("lab", language, ["--peer", nodes.dom.p2p, "--peer", nodes.dacha.p2p]).up();
});

test.afterAll(async () => {
  for (const node of Object.values(nodes ?? {})) await node.remove();
});

const TEXT = {
  ru: { title: "Название группы", who: "Кого пригласить: ник или адрес", find: "Найти человека", create: "Создать группу", add: "Добавить участников", addDo: "Добавить", remove: "Убрать из группы", lead: "Сделать ведущим", leave: "Выйти из группы", founded: "Вы создали группу", added: "klen добавил(а): rys", removed: "klen убрал(а) из группы: rys", all: "Всё на месте: то же самое у 1 узла", save: "Сохранить", since: "С приглашения", rules: "klen изменил(а) правила группы", answered: "ответили 2 узла", drop: "Убрать из выбранных: rys", left: "Вы больше не в этой группе" },
  en: { title: "Name of the group", who: "Whom to invite: a nick or an address", find: "Find a person", create: "Create the group", add: "Add members", addDo: "Add", remove: "Remove from the group", lead: "Make an admin", leave: "Leave the group", founded: "You created the group", added: "klen added rys", removed: "klen removed rys", all: "All is here: 1 node has the same", save: "Save", since: "Since joining", rules: "klen changed the rules of the group", answered: "2 of 2 nodes answered", drop: "Take rys off the chosen", left: "You are no longer in this group" },
};

async function looksFor(someone, texts, beginning, address) {
  const { page } = someone;
  await page.getByLabel(texts.who).fill(beginning);
  await page.getByLabel(texts.who).press("Enter");
  await page.getByRole("checkbox", { name: new RegExp(address) }).check();
}

test("a group over three nodes", async ({ open }, info) => {
  const texts = TEXT[info.project.metadata.language];
  const klen = await open(nodes.dom, "klen");
  const sova = await open(nodes.dacha, "sova");
  const rys = await open(nodes.lab, "rys");
  for (const someone of [klen, sova, rys]) await someone.registers();

  // Made with somebody of the other node, found by the beginning of the name.
  await klen.page.goto(`${nodes.dom.url}/groups/new`);
  await klen.page.getByLabel(texts.title).fill("Поход на озеро");
  await looksFor(klen, texts, "so", "sova@dacha");
  // Whoever is chosen stays while others are looked for, and goes at a click.
  const chips = klen.page.locator("[data-chosen] li");
  await expect(chips).toHaveText(["sova"]);
  await looksFor(klen, texts, "ry", "rys@lab");
  await expect(chips).toHaveText(["sova", "rys"]);
  await expect(klen.page.locator("[data-status]")).toContainText(texts.answered);
  await klen.shows(info, "group-picker");
  await chips.filter({ hasText: "rys" }).getByRole("button", { name: texts.drop }).click();
  await expect(chips).toHaveText(["sova"]);
  await expect(klen.page.getByRole("checkbox", { name: /rys@lab/ })).not.toBeChecked();
  await axe(klen.page);
  await klen.isWell();
  await klen.shows(info, "group-new");
  await klen.page.getByRole("main").getByRole("button", { name: texts.create, exact: true }).click();
  await expect(klen.page).toHaveURL(/\/c\/[0-9a-f]{64}/);
  const told = (someone) => someone.page.locator("li.sys");
  await expect(told(klen).first()).toHaveText(texts.founded);
  await klen.sends("Всем привет! Беру котелок.");

  await sova.page.goto(nodes.dacha.url);
  await expect(sova.card("Поход на озеро")).toBeVisible();
  await sova.card("Поход на озеро").click();
  await sova.sees("Всем привет! Беру котелок.");
  // Who wrote it stands above.
  await expect(sova.message("котелок").locator(".from")).toContainText("klen");
  await sova.sends("А я гитару");
  await klen.sees("А я гитару");
  await klen.seesState("Всем привет", "read");
  await expect(klen.page.locator("[data-there]")).toContainText("2");

  // One more from the details; she reads what came before.
  const chat = klen.page.url();
  const info_ = `${chat}/info`;
  await klen.page.goto(info_);
  await axe(klen.page);
  await klen.isWell();
  await expect(klen.page.locator("main")).toContainText(texts.all);
  await klen.page.getByRole("link", { name: texts.add, exact: true }).click();
  await looksFor(klen, texts, "ry", "rys@lab");
  await klen.page.getByRole("main").getByRole("button", { name: texts.addDo, exact: true }).click();
  await expect(klen.page.locator("main")).toContainText("rys@lab");
  await klen.shows(info, "group-info");
  // Those who have it open are told at once, below what was written before.
  await expect(told(sova).last()).toHaveText(texts.added);
  await expect(sova.page.locator(".chat-top .sub")).toContainText("3");
  await expect(sova.page.locator("[data-items] > li").last()).toHaveText(texts.added);
  // Being added, the page may just load itself anew, to the same address.
  await rys.page.goto(nodes.lab.url).catch(() => {});
  await expect(rys.card("Поход на озеро")).toBeVisible();
  await rys.card("Поход на озеро").click();
  await rys.sees("Всем привет! Беру котелок.");
  await rys.sends("Я с вами");
  await sova.sees("Я с вами");
  await sova.shows(info, "group-chat");
  await sova.isWell();

  // The owner decides what newcomers read: on the page, and where there is room beside the conversation.
  if (info.project.metadata.size === "desktop") {
    await klen.page.goto(chat);
    await klen.page.locator(".chat-top .about").click();
    await expect(klen.page.locator("[data-details-body] form[action$=rules]")).toBeVisible();
  } else {
    await klen.page.goto(info_);
  }
  await klen.page.getByText(texts.since, { exact: true }).click();
  await klen.page.locator("form[action$=rules]").getByRole("button", { name: texts.save, exact: true }).click();
  await expect(klen.page.locator("input[name=history][value=since_join]")).toBeChecked();
  await expect(told(sova).last()).toHaveText(texts.rules);

  // Removed: she is told, and sees nothing of what follows.
  await klen.page.goto(info_);
  const row = klen.page.locator("main li").filter({ hasText: "rys@lab" });
  await row.getByRole("link", { name: texts.remove, exact: true }).click();
  await expect(klen.page.locator("h1")).toContainText("rys");
  await expect(klen.page.locator("main .btn").first(), "the way out has the focus").toBeFocused();
  await klen.page.getByRole("button", { name: texts.remove, exact: true }).click();
  await expect(klen.page.locator("main")).not.toContainText("rys@lab");
  await klen.page.goto(chat);
  await klen.sends("Теперь нас двое");
  await sova.sees("Теперь нас двое");
  await expect(told(sova).last()).toHaveText(texts.removed);
  await expect(sova.page.locator("[data-items] > li.msg").last(), "below what happened").toContainText("Теперь нас двое");
  await sova.page.reload();
  await expect(told(sova)).toHaveText([/./, /./, texts.added, texts.rules, texts.removed]);
  await expect(sova.page.locator(".chat-top .sub")).toContainText("2");
  // Her open page has changed by itself.
  await expect(rys.composer).toHaveCount(0);
  await rys.sees("Я с вами");
  await expect(rys.page.locator("main")).not.toContainText("Теперь нас двое");

  // Whoever wants to, leaves.
  await sova.page.goto(`${sova.page.url().split("?")[0]}/info`);
  await sova.page.getByRole("link", { name: texts.leave, exact: true }).click();
  await sova.page.getByRole("button", { name: texts.leave, exact: true }).click();
  await expect(sova.composer).toHaveCount(0);
});

test("a link brings somebody of another node into a group", async ({ open }, info) => {
  const words = {
    ru: { make: "Сделать ссылку", have: "Вступить по ссылке-приглашению", link: "Ссылка", next: "Дальше", ask: "Вступить в группу «Берег»?", join: "Вступить", end: "Отозвать", none: "Ссылка больше не действует", bad: "Это не ссылка-приглашение", came: "lisa теперь в группе: по ссылке-приглашению", cameOwn: "Вы вошли в группу по ссылке-приглашению" },
    en: { make: "Make a link", have: "Join by an invitation link", link: "Link", next: "Next", ask: "Join the group “Берег”?", join: "Join", end: "Take back", none: "The link does not count any more", bad: "This is no invitation link", came: "lisa joined by an invitation link", cameOwn: "You joined the group by an invitation link" },
  }[info.project.metadata.language];
  const texts = TEXT[info.project.metadata.language];
  const volk = await open(nodes.dom, "volk");
  const lisa = await open(nodes.dacha, "lisa");
  for (const someone of [volk, lisa]) await someone.registers();
  await volk.page.goto(`${nodes.dom.url}/groups/new`);
  await volk.page.getByLabel(texts.title).fill("Берег");
  await volk.page.getByRole("main").getByRole("button", { name: texts.create, exact: true }).click();
  const chat = volk.page.url();
  await volk.sends("Кто с нами?");
  await volk.page.goto(`${chat}/info`);
  await volk.page.getByRole("button", { name: words.make, exact: true }).click();
  const link = await volk.page.locator("[data-link]").innerText();
  await axe(volk.page);
  await volk.isWell();
  await volk.shows(info, "link-made");

  await lisa.page.goto(`${nodes.dacha.url}/groups/new`);
  await lisa.page.getByRole("link", { name: words.have }).click();
  const main = lisa.page.getByRole("main");
  const paste = async (text) => {
    await main.getByLabel(words.link, { exact: true }).fill(text);
    await main.getByRole("button", { name: words.next, exact: true }).click();
  };
  await paste("https://example.org");
  await expect(main).toContainText(words.bad);
  const forgives = (someone) => (someone.faults = someone.faults.filter((fault) => !fault.includes("Failed to load resource")));
  forgives(lisa);
  await paste(link);
  await expect(main.getByRole("heading", { name: words.ask })).toBeVisible();
  await axe(lisa.page);
  await lisa.isWell();
  await lisa.shows(info, "join");
  await main.getByRole("button", { name: words.join, exact: true }).click();
  await expect(lisa.page).toHaveURL(/\/c\/[0-9a-f]{64}/);
  await lisa.sees("Кто с нами?");
  await lisa.sends("Я");
  await volk.page.goto(chat);
  await volk.sees("Я");
  await expect(volk.page.locator("li.sys").last()).toHaveText(words.came);
  await expect(lisa.page.locator("li.sys").last()).toHaveText(words.cameOwn);

  // One link, one person.
  const vera = await open(nodes.dacha, "vera");
  await vera.registers();
  await vera.page.goto(`${nodes.dacha.url}/join?code=${encodeURIComponent(link)}`);
  await vera.page.getByRole("main").getByRole("button", { name: words.join, exact: true }).click();
  await expect(vera.page.getByRole("main")).toContainText(words.none);
  forgives(vera);
});

test("a group has a picture", async ({ open }, info) => {
  const words = {
    ru: { picture: "Картинка группы", remove: "Убрать", pictured: "bober сменил(а) картинку группы", waits: "приглашение ждёт ответа" },
    en: { picture: "Picture of the group", remove: "Remove", pictured: "bober changed the picture of the group", waits: "the invitation waits for an answer" },
  }[info.project.metadata.language];
  const texts = TEXT[info.project.metadata.language];
  const bober = await open(nodes.dom, "bober");
  const vydra = await open(nodes.dacha, "vydra");
  for (const someone of [bober, vydra]) await someone.registers();
  // Whoever wants to be asked first is: the owner sees that nobody has answered yet.
  await vydra.page.goto(`${nodes.dacha.url}/settings/privacy`);
  const saved = vydra.page.waitForResponse((answer) => answer.request().method() === "POST" && answer.url().endsWith("/settings/privacy"));
  await vydra.page.locator("input[name=first][value=nobody]").check({ force: true });
  await saved;
  await vydra.page.reload();
  await expect(vydra.page.locator("input[name=first][value=nobody]")).toBeChecked();
  await bober.page.goto(`${nodes.dom.url}/groups/new`);
  await bober.page.getByLabel(texts.title).fill("Запруда");
  await looksFor(bober, texts, "vy", "vydra@dacha");
  await bober.page.getByRole("main").getByRole("button", { name: texts.create, exact: true }).click();
  await expect(bober.page).toHaveURL(/\/c\/[0-9a-f]{64}/);
  const chat = bober.page.url();
  await bober.sends("Кто несёт ветки?");
  const row = bober.page.locator("main li").filter({ hasText: "vydra@dacha" });
  await expect(async () => {
    await bober.page.goto(`${chat}/info`);
    await expect(row).toContainText(words.waits, { timeout: 500 });
  }).toPass();
  await axe(bober.page);
  await bober.shows(info, "group-waits");
  await expect(async () => {
    await vydra.page.goto(`${nodes.dacha.url}/?filter=requests`);
    await expect(vydra.card("bober")).toBeVisible({ timeout: 1000 });
  }).toPass();
  await vydra.card("bober").click();
  await vydra.page.locator("button[value=accept]").click();
  await vydra.sees("Кто несёт ветки?");
  await expect(async () => {
    await bober.page.reload();
    await expect(row).not.toContainText(words.waits, { timeout: 500 });
  }).toPass();

  await bober.page.getByRole("link", { name: words.picture, exact: true }).click();
  await axe(bober.page);
  await bober.shows(info, "group-picture");
  await bober.page.locator("input[name=photo]").setInputFiles("../nodes/picture.png");
  await bober.page.locator("dialog button[value=use]").click();
  const own = bober.page.locator(".photo .av img");
  await expect(own).toBeVisible();
  await bober.isWell();
  const picture = await own.getAttribute("src");
  // In the list, the head of the conversation, the details and the search of the other member.
  const hash = picture.split("/")[2];
  const shown = (place) => vydra.page.locator(place).locator(`img[src*="${hash}"]`);
  await vydra.page.goto(`${nodes.dacha.url}/`);
  await expect(vydra.card("Запруда").locator(`img[src*="${hash}"]`)).toBeVisible();
  await vydra.card("Запруда").click();
  await expect(shown(".chat-top")).toBeVisible();
  await expect(vydra.page.locator("li.sys").last()).toHaveText(words.pictured);
  await vydra.shows(info, "group-pictured");
  await vydra.page.goto(`${vydra.page.url().split("?")[0]}/info`);
  await expect(shown(".info-head")).toBeVisible();
  await vydra.page.goto(`${nodes.dacha.url}/search?q=${encodeURIComponent("Запр")}`);
  await expect(shown("[data-group=chats]")).toBeVisible();
  const loads = () => vydra.page.locator(`img[src*="${hash}"]`).first().evaluate((img) => img.complete && img.naturalWidth);
  await expect.poll(loads).toBe(128);
  await bober.page.getByRole("button", { name: words.remove, exact: true }).click();
  await expect(own).toHaveCount(0);
  await vydra.page.goto(`${nodes.dacha.url}/`);
  await expect(vydra.card("Запруда").locator("img")).toHaveCount(0);
});

// L5, L6. The clock of a node cannot be set back here: the frame of a message is made hours old on its way to the page.
test("a message that comes late stands in its place, and the end of the page says so", async ({ open }, info) => {
  const words = {
    ru: { above: "Выше встало сообщение, полученное позже", late: "получено позже" },
    en: { above: "A message received late stands above", late: "received late" },
  }[info.project.metadata.language];
  const kit = await open(nodes.dom, "kit");
  const gus = await open(nodes.dacha, "gus");
  await kit.page.routeWebSocket(/\/live/, (page) => {
    const node = page.connectToServer();
    node.onMessage((frame) => {
      const told = JSON.parse(frame);
      if (told.type === "message" && told.html.includes("Я выехал")) {
        told.html = told.html
          .replace(/data-time="(\d+)"/, (_, time) => `data-time="${Number(time) - 3 * 3_600_000}"`)
          .replace("<time ", `<span class="late">${words.late}</span><time `);
      }
      page.send(JSON.stringify(told));
    });
  });
  for (const someone of [kit, gus]) await someone.registers();
  await kit.page.goto(`${nodes.dom.url}/start/gus@dacha`);
  await kit.page.getByRole("button", { name: kit.words.start, exact: true }).click();
  await kit.sends("Первое");
  await gus.page.goto(nodes.dacha.url);
  await gus.card("kit").click();
  await gus.sees("Первое");
  await gus.sends("Второе");
  await kit.sees("Второе");
  await gus.sends("Я выехал");
  await kit.sees("Я выехал");
  const texts = kit.page.locator("[data-items] > li.msg .text");
  await expect(texts).toHaveText(["Я выехал", "Первое", "Второе"]);
  const told = kit.page.locator("[data-above]");
  await expect(told).toHaveText(words.above);
  await axe(kit.page);
  await kit.shows(info, "received-late");
  await told.getByRole("link").click();
  await expect(told).toHaveCount(0);
  await expect(kit.message("Я выехал")).toBeFocused();
  // The next one stands at the end, and nothing is said.
  await gus.sends("Третье");
  await kit.sees("Третье");
  await expect(texts.last()).toHaveText("Третье");
  await expect(told).toHaveCount(0);
});
