// With scripts off everything still works by forms and links.
import { expect, test } from "@playwright/test";
import { Node } from "./nodes.js";
import { Someone } from "./people.js";

let node;

test.beforeAll(async ({}, info) => {
  node = await new Node("dom", info.project.metadata.language).up();
});

test.afterAll(async () => {
  await node?.remove();
});

test("register, log out, log in, find somebody here, send, answer", async ({ browser }, info) => {
  const { language } = info.project.metadata;
  const open = async (nick) => {
    const context = await browser.newContext({ javaScriptEnabled: false });
    return new Someone(await context.newPage(), node, nick, language);
  };
  const klen = await open("klen");
  const sova = await open("sova");
  await klen.registers();
  await sova.registers();
  await klen.logsOut();
  await klen.logsIn();
  await klen.isIn();

  await klen.opensChatWith("so", "sova@dom", { enter: true });
  await klen.sends("Без скриптов тоже можно");
  await sova.opensCard("klen");
  await sova.sees("Без скриптов тоже можно");
  await sova.sends("Вижу");
  await klen.page.reload();
  await klen.sees("Вижу");
  await klen.shows(info, "noscript-chat");
  expect(klen.faults).toEqual([]);
});
