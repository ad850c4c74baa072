// With scripts off everything still works by forms and links.
import { Node } from "./nodes.js";
import { test } from "./people.js";

let node;

test.beforeAll(async ({}, info) => {
  node = await new Node("dom", info.project.metadata.language).up();
});

test.afterAll(async () => {
  await node?.remove();
});

test("register, log out, log in, find somebody here, send, answer", async ({ open }, info) => {
  const unscripted = { javaScriptEnabled: false };
  const klen = await open(node, "klen", unscripted);
  const sova = await open(node, "sova", unscripted);
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
  await klen.changesTheLook();
});
