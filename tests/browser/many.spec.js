// A list of thousands of chats, and a chat of tens of thousands of messages.
import { expect } from "@playwright/test";
import { Caller, Node, seed } from "./nodes.js";
import { PASSWORD, test } from "./people.js";

let node;

test.beforeAll(async ({}, info) => {
  node = await new Node("dom", info.project.metadata.language).up();
});

test.afterAll(async () => {
  await node?.remove();
});

test("5,000 chats and 50,000 messages open as quickly as few", async ({ open }) => {
  test.setTimeout(240_000);
  const vera = await new Caller(node, "vera").registers(PASSWORD);
  await new Caller(node, "gleb").registers(PASSWORD);
  const chat = await vera.chatWith("gleb");
  await node.down();
  const began = Date.now();
  seed(node, "messages", "vera", PASSWORD, chat, 50_000);
  const messages = Date.now() - began;
  seed(node, "chats", vera.id, 5_000);
  await node.up();
  const me = await open(node, "vera");
  await me.logsIn();
  await me.isIn();
  const { page } = me;
  // From the request to the first paint, the best of three: others use this machine, too.
  const paint = async (path) => {
    const all = [];
    for (let tries = 0; tries < 3; tries += 1) {
      await page.goto(node.url + path);
      all.push(await page.evaluate(() => new Promise((done) => {
        new PerformanceObserver((list) => done(list.getEntries().at(-1).startTime)).observe({ type: "paint", buffered: true });
      })));
    }
    return Math.round(Math.min(...all));
  };
  const few = await paint("/settings/look");
  const list = await paint("/");
  await expect(page.locator(".cards .card")).toHaveCount(40);
  const long = await paint(`/c/${chat}`);
  await expect(page.locator(".msg")).toHaveCount(50);
  await me.sees("line 50000");
  console.log(`first paint: a page without data ${few} ms, 5,001 chats ${list} ms, 50,000 messages ${long} ms; seeded in ${Math.round(messages / 1000)} s`);
  // A debug build is ten times slower than what people run; the budget of 200 ms is measured by the benchmark.
  expect(list).toBeLessThan(1500);
  expect(long).toBeLessThan(1500);
  // The next cards and the messages before come while one goes on.
  await page.goto(node.url);
  await page.locator(".cards").evaluate((it) => it.scrollTo(0, it.scrollHeight));
  await expect(page.locator(".cards .card")).toHaveCount(80);
  await page.goto(`${node.url}/c/${chat}`);
  await page.locator("[data-log]").evaluate((it) => it.scrollTo(0, -it.scrollHeight));
  await expect(page.locator(".msg")).toHaveCount(100);
  await me.isWell();
});
