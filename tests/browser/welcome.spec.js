// The first run of a node, and photos: chosen, cut, refused, seen on another node.
import { deflateSync } from "node:zlib";
import { expect } from "@playwright/test";
import { isAccessible } from "./axe.js";
import { Node, pair } from "./nodes.js";
import { PASSWORD, test } from "./people.js";

const WORDS = {
  ru: {
    next: "Дальше", skip: "Пропустить", make: "Создать ссылку", done: "К списку чатов", steps: ["Как вас узнают", "Ваш узел", "Позовите людей"], use: "Поставить",
    send: "Отправить", remove: "Убрать", kind: "Это не PNG, JPEG или WebP", large: "Фото больше 5 МБ или слишком велико по размерам", moving: "Движущиеся картинки не подходят. Выберите обычное фото.",
    broken: "Файл повреждён или оборван. Выберите другой.", none: "Выберите файл с фото", owner: "Вы первый на этом узле", read: "Отметки о прочтении", save: "Сохранить", zoom: "Увеличение",
  },
  en: {
    next: "Next", skip: "Skip", make: "Make a link", done: "To the list of chats", steps: ["How others know you", "Your node", "Invite people"], use: "Use it",
    send: "Send", remove: "Remove", kind: "This is no PNG, JPEG or WebP", large: "The photo has more than 5 MB or too many pixels", moving: "Moving pictures do not fit. Choose a plain photo.",
    broken: "The file is damaged or broken off. Choose another one.", none: "Choose a file with a photo", owner: "You are first on this node", read: "Read marks", save: "Save", zoom: "Zoom",
  },
};
const words = (info) => WORDS[info.project.metadata.language];
const forgives = (someone) => (someone.faults = someone.faults.filter((fault) => !fault.includes("Failed to load resource")));

// A PNG: its header says one size, its lines may be of another; `acTL` makes it move.
function png(width, height, { lines = height, moving = false } = {}) {
  const table = [...Array(256).keys()].map((n) => {
    for (let k = 0; k < 8; k += 1) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
    return n >>> 0;
  });
  const crc = (bytes) => (bytes.reduce((sum, byte) => table[(sum ^ byte) & 255] ^ (sum >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0;
  const chunk = (kind, body) => {
    const whole = Buffer.concat([Buffer.from(kind), body]);
    const [size, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    size.writeUInt32BE(body.length);
    sum.writeUInt32BE(crc(whole));
    return Buffer.concat([size, whole, sum]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const rows = Buffer.concat([...Array(lines).keys()].map((y) => {
    const row = Buffer.alloc(1 + Math.min(width, 4000) * 3);
    for (let x = 0; x < Math.min(width, 4000); x += 1) row.set([(x * 255) / width, (y * 255) / lines, 120], 1 + x * 3);
    return row;
  }));
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]), chunk("IHDR", head),
    ...(moving ? [chunk("acTL", Buffer.from([0, 0, 0, 2, 0, 0, 0, 0]))] : []),
    chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0)),
  ]);
}
const file = (buffer, name = "photo.png", mimeType = "image/png") => ({ name, mimeType, buffer });

// What must be refused, and the sentence for it.
const bad = (text) => [
  [file(Buffer.from("<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"), "a.svg", "image/svg+xml"), text.kind],
  [file(Buffer.from("just words"), "photo.png"), text.kind],
  [file(png(60_000, 60_000, { lines: 1 })), text.large],
  [file(png(64, 64, { moving: true })), text.moving],
  [file(png(300, 300).subarray(0, 200)), text.broken],
  [file(Buffer.alloc(50_000_000, 7)), text.large],
];

test("the first user is shown around, and may pass over", async ({ open }, info) => {
  const text = words(info);
  const node = await new Node("dom", info.project.metadata.language).up();
  try {
    const klen = await open(node, "klen");
    const { page } = klen;
    await page.goto(`${node.url}/settings/profile`);
    await expect(page).toHaveURL(/\/setup$/);
    await expect(page.getByText(text.owner)).toBeVisible();
    await isAccessible(page);
    await klen.nickField.fill("klen");
    await klen.passwordField.fill(PASSWORD);
    await page.getByRole("button", { name: klen.words.registerDo }).click();
    await expect(klen.heading(text.steps[0])).toBeVisible();
    await isAccessible(page);
    await klen.shows(info, "welcome-1");
    await page.locator("input[name=display_name]").fill("Клён");
    await page.getByRole("button", { name: text.next }).click();
    await expect(klen.heading(text.steps[1])).toBeVisible();
    await isAccessible(page);
    await klen.shows(info, "welcome-2");
    await page.locator("input[name=registration][value=closed]").check({ force: true });
    await page.getByRole("button", { name: text.next }).click();
    await expect(klen.heading(text.steps[2])).toBeVisible();
    await page.getByRole("button", { name: text.make }).click();
    await expect(page.locator(".qr > svg")).toBeVisible();
    await expect(page.locator(".code")).toContainText("/invite/");
    await isAccessible(page);
    await klen.shows(info, "welcome-3");
    await klen.isWell();
    await page.getByRole("link", { name: text.done, exact: true }).click();
    await expect(page.locator(".empty:visible").first()).toBeVisible();
    await page.goto(`${node.url}/welcome`);
    for (const step of [0, 1]) {
      await expect(klen.heading(text.steps[step])).toBeVisible();
      await page.getByRole("link", { name: text.skip }).click();
    }
    await expect(klen.heading(text.steps[2])).toBeVisible();
    // The policy counts.
    const guest = await open(node, "gost");
    await guest.page.goto(`${node.url}/register`);
    await expect(guest.nickField).toHaveCount(0);
  } finally {
    await node.remove();
  }
});

test("a photo is cut, shown, seen on the other node, and taken away", async ({ open }, info) => {
  const text = words(info);
  const nodes = await pair(info.project.metadata.language);
  try {
    const klen = await open(nodes.dom, "klen");
    const sova = await open(nodes.dacha, "sova");
    await klen.registers();
    await sova.registers();
    await sova.opensChatWith("kl", "klen@dom");
    await sova.sends("привет");
    await expect(sova.page.locator(".chat-top .av img")).toHaveCount(0);
    const { page } = klen;
    await page.goto(`${nodes.dom.url}/settings/profile`);
    // What is typed beside the photo stays, whatever becomes of it.
    const about = page.locator("textarea[name=about]");
    await about.fill("ещё не сохранено");
    await page.locator("input[name=photo]").setInputFiles({ name: "a.png", mimeType: "image/png", buffer: Buffer.from("no picture") });
    await expect(page.locator(".photo .error:visible")).toHaveCount(1);
    await page.locator("input[name=photo]").setInputFiles(file(png(900, 500)));
    await expect(page.locator("dialog[open] canvas")).toBeVisible();
    await page.getByLabel(text.zoom).fill("2");
    await page.locator("dialog canvas").press("ArrowLeft");
    await isAccessible(page);
    await klen.shows(info, "photo-crop");
    await page.getByRole("button", { name: text.use }).click();
    const own = page.locator(".photo .av img");
    await expect(own).toBeVisible();
    await expect.poll(() => own.evaluate((img) => img.naturalWidth)).toBe(512);
    await expect(page.locator(".photo .error:visible")).toHaveCount(0);
    await expect(about).toHaveValue("ещё не сохранено");
    await klen.shows(info, "photo-shown");
    await isAccessible(page);
    forgives(klen);
    await klen.isWell();
    // The other node fetches it by itself.
    await expect.poll(async () => {
      await sova.page.goto(nodes.dacha.url);
      return sova.page.locator(".card .av img").count();
    }).toBe(1);
    await expect.poll(() => sova.page.locator(".card .av img").evaluate((img) => img.naturalWidth)).toBe(128);
    const path = await sova.page.locator(".card .av img").getAttribute("src");
    expect((await sova.page.request.get(nodes.dacha.url + path)).headers()["content-type"]).toBe("image/webp");
    await sova.shows(info, "photo-on-the-other-node");
    // Only for those who are signed in; other names and sizes are nothing.
    const stranger = await open(nodes.dacha, "nobody");
    expect((await stranger.page.request.get(nodes.dacha.url + path)).status()).toBe(401);
    for (const wrong of [path.replace("128", "64"), path.replace(/[0-9a-f]{4}/, "zzzz"), "/avatar/../../etc/passwd/128.webp"]) {
      expect((await sova.page.request.get(nodes.dacha.url + wrong)).status()).toBe(404);
    }
    await page.getByRole("button", { name: text.remove, exact: true }).click();
    await expect(own).toHaveCount(0);
    await expect(page.getByRole("button", { name: text.remove, exact: true })).toHaveCount(0);
    await expect(about).toHaveValue("ещё не сохранено");
    forgives(klen);
    await klen.isWell();
    await expect.poll(async () => {
      await sova.page.goto(nodes.dacha.url);
      return sova.page.locator(".card .av img").count();
    }).toBe(0);
  } finally {
    for (const node of Object.values(nodes)) await node.remove();
  }
});

for (const scripts of [true, false]) {
  test(`files that are no photo get one sentence, scripts ${scripts ? "on" : "off"}`, async ({ open }, info) => {
    // What the node refuses is the same in each language: with scripts in one, without them in the other.
    test.skip(scripts !== (info.project.metadata.language === "ru"), "in the other language");
    const text = words(info);
    const node = await new Node("dom", info.project.metadata.language).up();
    try {
      const klen = await open(node, "klen", { javaScriptEnabled: scripts });
      await klen.registers();
      const { page } = klen;
      await page.goto(`${node.url}/settings/profile`);
      const choose = async (photo) => {
        await page.locator("input[name=photo]").setInputFiles(photo);
        if (!scripts) await page.getByRole("button", { name: text.send, exact: true }).click();
      };
      for (const [photo, why] of bad(text)) {
        await choose(photo);
        await expect(page.locator(".photo .error:visible")).toHaveText(why);
        await expect(page.locator("input[name=photo]")).toHaveAttribute("aria-invalid", "true");
        await page.goto(`${node.url}/settings/profile`);
      }
      if (!scripts) {
        await page.getByRole("button", { name: text.send, exact: true }).click();
        await expect(page.locator(".photo .error:visible")).toHaveText(text.none);
        await choose(file(png(200, 300)));
        await expect(page.locator(".photo .av img")).toBeVisible();
        // Sections are forms: they have a button, and save by it.
        await page.goto(`${node.url}/settings/privacy`);
        await page.getByRole("switch", { name: text.read }).uncheck();
        await page.getByRole("button", { name: text.save, exact: true }).click();
        await expect(page.getByRole("switch", { name: text.read })).not.toBeChecked();
        await klen.shows(info, "noscript-privacy");
      }
      forgives(klen);
      await klen.isWell();
    } finally {
      await node.remove();
    }
  });
}
