// What scripts add: history, reading, restarts, live search, keys, looks.
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

// Draws how far the first line on the screen has moved since, in every frame.
const watchLine = (page) => page.evaluate(() => {
  const log = document.querySelector("[data-log]");
  const top = log.getBoundingClientRect().top;
  const item = [...log.querySelectorAll(".msg")].find((it) => it.getBoundingClientRect().top >= top);
  const was = item.getBoundingClientRect().top;
  window.moved = 0;
  const look = () => {
    window.moved = Math.max(window.moved, item.isConnected ? Math.abs(item.getBoundingClientRect().top - was) : 1e6);
    window.looking = requestAnimationFrame(look);
  };
  look();
});
const movedBy = (page) => page.evaluate(() => {
  cancelAnimationFrame(window.looking);
  return window.moved;
});

test("history comes while scrolling up and the line being read stays", async ({ open }, info) => {
  const klen = await open(nodes.dom, "klen");
  await klen.registers();
  const chat = await sova.chatWith("klen@dom");
  for (let n = 1; n <= 130; n += 1) await sova.sends(chat, `строка ${n} ${"и ещё немного слов ".repeat(n % 5)}`);
  await expect.poll(async () => (await sova.messages(chat)).filter((it) => it.state === "stored").length).toBe(0);
  await klen.opensCard("sova");
  const { page } = klen;
  await expect(page.locator(".newline")).toHaveCount(1);
  await page.locator("[data-log]").focus();
  await page.keyboard.press("End");
  await expect(page.locator("[data-bottom]")).toBeHidden();
  const count = () => page.locator(".msg").count();
  for (let rounds = 0; rounds < 8 && (await page.locator("[data-more=before]").count()) > 0; rounds += 1) {
    const before = await count();
    // As near to the top as fetches the next page; the line on the screen is then watched.
    await page.evaluate(() => {
      const log = document.querySelector("[data-log]");
      log.scrollTop = -(log.scrollHeight - log.clientHeight) + 250;
    });
    await watchLine(page);
    await expect.poll(count).toBeGreaterThan(before);
    await page.waitForTimeout(200);
    expect(await movedBy(page), `after ${before} messages`).toBeLessThanOrEqual(1);
  }
  expect(await count()).toBe(130);
  const texts = await page.locator(".msg .text").allInnerTexts();
  expect(texts.map((text) => Number(text.split(" ")[1]))).toEqual([...Array(130).keys()].map((n) => n + 1));

  // New messages below do not move it either; the round button counts them.
  await watchLine(page);
  for (const n of [1, 2, 3]) await sova.sends(chat, `новое ${n}`);
  await expect(page.locator("[data-bottom-count]")).toHaveText("3");
  await page.waitForTimeout(200);
  expect(await movedBy(page)).toBeLessThanOrEqual(1);
  await klen.shows(info, "live-history");
  const newest = async () => (await sova.messages(chat, 1))[0].state;
  expect(await newest(), "not on the screen is not read").toBe("delivered");
  await page.locator("[data-bottom]").click();
  await klen.sees("новое 3");
  await expect.poll(newest).toBe("read");

  // Read is what a focused window shows, and nothing else.
  await sova.sends(chat, "видно сразу");
  await expect.poll(newest).toBe("read");
  await page.evaluate(() => (document.hasFocus = () => false));
  await sova.sends(chat, "окно в стороне");
  await klen.sees("окно в стороне");
  await page.waitForTimeout(800);
  expect(await newest()).toBe("delivered");
  await page.evaluate(() => {
    delete document.hasFocus;
    dispatchEvent(new Event("focus"));
  });
  await expect.poll(newest).toBe("read");
  await klen.isWell();
});

test("killed nodes lose nothing, and each text is sent once", async ({ open }, info) => {
  const rys = await open(nodes.dom, "rys");
  await rys.registers();
  await rys.opensChatWith("sova", "sova@dacha");
  await rys.composer.fill("двойной щелчок");
  await rys.sendButton.dblclick();
  await rys.seesState("двойной щелчок", "delivered");
  await rys.sends("перед падением");
  await rys.seesState("перед падением", /stored|delivered/);
  await nodes.dom.down("SIGKILL");
  await rys.composer.fill("пока узла нет");
  await rys.sendButton.dblclick();
  await rys.composer.fill("и ещё");
  await rys.composer.press("Enter");
  await rys.seesState("и ещё", "sending");
  await expect(rys.page.getByText(rys.words.offline)).toBeVisible();
  await rys.shows(info, "live-offline");
  await rys.composer.fill("недописано");
  await nodes.dom.up();
  await rys.seesState("и ещё", "delivered");
  await expect(rys.composer).toHaveValue("недописано");
  const all = ["двойной щелчок", "перед падением", "пока узла нет", "и ещё"];
  const shown = () => rys.page.locator(".msg .text").allInnerTexts();
  expect(await shown()).toEqual(all);
  await rys.page.reload();
  await expect(rys.composer).toHaveValue("недописано");
  expect(await shown()).toEqual(all);
  const chat = await sova.chatWith("rys@dom");
  const told = async () => (await sova.messages(chat)).map((it) => it.text).sort();
  expect(await told()).toEqual([...all].sort());
  await nodes.dacha.down("SIGKILL");
  await nodes.dacha.up();
  expect(await told()).toEqual([...all].sort());
  await nodes.dom.down("SIGKILL");
  await nodes.dom.up();
  await rys.page.reload();
  expect(await shown()).toEqual(all);
  await rys.isWell();
});

test("markup is text everywhere", async ({ open }, info) => {
  const evil = "<img src=x onerror=alert(1)>";
  const zlo = await open(nodes.dacha, "zlo");
  const lis = await open(nodes.dom, "lis");
  await zlo.registers();
  await lis.registers();
  await zlo.page.goto(`${nodes.dacha.url}/settings/profile`);
  await zlo.page.locator("input[name=display_name]").fill(evil);
  await zlo.page.locator("textarea[name=about]").fill(`"><script>alert(2)</script>`);
  await zlo.page.locator("form:has(input[name=display_name]) button").last().click();
  await expect(zlo.page.locator(".saved")).toBeVisible();
  await expect(zlo.page.locator("input[name=display_name]")).toHaveValue(evil);
  await zlo.opensChatWith("lis", "lis@dom");
  const texts = [
    evil,
    "<script>alert(3)</script>",
    "javascript:alert(4) [a](javascript:alert(5))",
    `https://a.example/"onmouseover="alert(6) http://b.example/'><svg/onload=alert(7)>`,
    "{{ 7*7 }} ${7*7} &lt;b&gt; &#60;img&#62;",
  ];
  for (const text of texts) await zlo.sends(text);
  await lis.opensCard(evil);
  expect(await lis.page.locator(".msg .text").allInnerTexts()).toEqual(texts);
  const answer = `ответ: ${texts[3]}`;
  await lis.sends(answer);
  await lis.page.reload();
  await lis.sees(answer);
  await lis.message(answer).locator("[data-path]").click();
  await expect(lis.page.locator("dialog[open] .route")).toBeVisible();
  await lis.shows(info, "live-path");
  await lis.page.keyboard.press("Escape");
  for (const someone of [lis, zlo]) {
    const bad = "main img, main script, main [onerror], main [onload], main [onmouseover], main a[href^='javascript' i]";
    expect(await someone.page.locator(bad).count()).toBe(0);
  }
  await lis.page.goto(`${nodes.dom.url}/search?q=${encodeURIComponent(evil)}`);
  await lis.searches("zlo@dacha");
  await expect(lis.result("zlo@dacha")).toContainText(evil);
  await lis.result("zlo@dacha").locator("a").click();
  await expect(lis.page.locator(".confirm h2, .msg").first()).toContainText(evil);
  await lis.isWell();
});

test("live search, its rows stand still; keys; looks", async ({ open }, info) => {
  const { size } = info.project.metadata;
  const mira = await open(nodes.dom, "mira");
  await mira.registers();
  for (const nick of ["miron", "milana"]) await new Caller(nodes.dom, nick).registers(PASSWORD);
  const far = await new Caller(nodes.dacha, "mihail").registers(PASSWORD);
  await far.sends(await far.chatWith("mira@dom"), "привет");
  await expect(mira.card("mihail")).toBeVisible();
  await mira.page.goto(`${nodes.dom.url}/search`);
  // In every frame: where each row stands; a row that moved is kept.
  await mira.page.evaluate(() => {
    window.movedRows = [];
    let query = "";
    let places = new Map();
    const look = () => {
      const q = document.querySelector("main input[name=q]").value;
      const rows = [...document.querySelectorAll("#results li[data-user], #results li[data-chat]")];
      if (q !== query || rows.length === 0) [query, places] = [q, new Map()];
      for (const row of rows) {
        const key = row.dataset.user ?? row.dataset.chat;
        const top = row.getBoundingClientRect().top;
        if (places.has(key) && places.get(key) !== top) window.movedRows.push(`${row.innerText}: ${places.get(key)} -> ${top}`);
        places.set(key, top);
      }
      requestAnimationFrame(look);
    };
    look();
  });
  const field = mira.page.locator("main input[name=q]");
  await field.pressSequentially("mi", { delay: 40 });
  for (const address of ["miron@dom", "milana@dom", "mihail@dacha"]) await expect(mira.result(address)).toBeVisible();
  await mira.page.waitForTimeout(600);
  await mira.shows(info, "live-search");
  // Somebody who came to the other node this moment is found without a reload.
  await new Caller(nodes.dacha, "novichok").registers(PASSWORD);
  await field.fill("");
  await field.pressSequentially("novi", { delay: 40 });
  await expect(mira.result("novichok@dacha")).toBeVisible();
  expect(await mira.page.evaluate(() => window.movedRows)).toEqual([]);

  // Ctrl K where the key gives «л».
  await mira.opensCard("mihail");
  await expect(mira.page.locator("[data-emoji]"), "the scripts are there").toBeVisible();
  const keys = await mira.page.context().newCDPSession(mira.page);
  const key = { modifiers: 2, key: "л", code: "KeyK", windowsVirtualKeyCode: 75 };
  await keys.send("Input.dispatchKeyEvent", { type: "rawKeyDown", ...key });
  await keys.send("Input.dispatchKeyEvent", { type: "keyUp", ...key });
  await expect(mira.page.locator("dialog.quick input[type=search]")).toBeFocused();
  await mira.page.keyboard.press("Escape");
  await mira.changesTheLook();
  await mira.isWell();
});

test("a line that nobody closed and that says nothing is taken for dead, and comes back", async ({ open }) => {
  const tihon = await open(nodes.dom, "tihon");
  await tihon.registers();
  await tihon.opensChatWith("sov", "sova@dacha");
  // The page lives: its scripts and its socket are here before the node stands still.
  await tihon.sends("раз");
  await tihon.seesState("раз", /^(delivered|read)$/);
  const { page } = tihon;
  const banner = page.locator("[data-banner]");
  await page.clock.install();
  const process = nodes.dom.process;
  process.kill("SIGSTOP");
  try {
    await page.clock.fastForward(80_000);
    await expect(banner, "silence may be that long").toBeHidden();
    // Again if a frame that was on its way has come after the first jump: the silence begins with it.
    await expect(async () => {
      await page.clock.fastForward(95_000);
      await expect(banner).toContainText(tihon.words.offline, { timeout: 5_000 });
    }).toPass({ timeout: 30_000 });
  } finally {
    process.kill("SIGCONT");
  }
  await expect(banner).toBeHidden({ timeout: 40_000 });
  await tihon.sends("снова здесь");
  // Kept by its node: the other one may still look for a neighbour that stood still.
  await tihon.seesState("снова здесь", /^(stored|delivered|read)$/);
});
