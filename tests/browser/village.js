// Three linked nodes with people who talk: what the pictures of the pages show, and the stories that go through every page.
import { Caller, Node } from "./nodes.js";

export const PASSWORD = "лодка у причала 7";

// Who lives where, and what they say to each other: [from, to, text].
const TALES = {
  ru: {
    people: { me: ["Клён", "dom"], friend: ["Сова", "dacha"], near: ["Рысь", "dom"], far: ["Маяк", "port"], other: ["Искра", "dacha"], stranger: ["Берег", "port"] },
    talk: [
      ["other", "me", "Карта озера лежит на столе"],
      ["far", "me", "Я за два узла от вас, а пишу напрямую"],
      ["me", "far", "И дошло за секунду. Как там маяк?"],
      ["far", "me", "Светит. Лампу поменяли вчера, теперь видно от самой дачи"],
      ["near", "me", "Ключи у соседа, я предупредил"],
      ["me", "near", "Спасибо!"],
      ["me", "friend", "Привет! Как вода в озере?"],
      ["friend", "me", "Тёплая. Приезжайте в субботу, лодка свободна"],
      ["friend", "me", "Весь день будет солнце, вечером ветер с севера"],
      ["me", "friend", "Договорились. Выезжаем в шесть?"],
      ["friend", "me", "Лучше в семь, раньше паром не ходит"],
      ["me", "friend", "Хорошо, в семь у пристани. Что взять?"],
      ["friend", "me", "Хлеб, спички и что-нибудь тёплое:\nночью *холодно*, в прошлый раз было `+6`"],
      ["me", "friend", "> ночью холодно\nВозьму два одеяла"],
      ["friend", "me", "И термос"],
      ["me", "friend", "До субботы!"],
      ["other", "me", "Кстати, компас тоже там"],
      ["other", "me", "И не забудьте вёсла"],
    ],
    asks: "Хорошо, в семь у пристани. Что взять?",
    group: "Поход на озеро",
    community: "Берега озера",
    members: ["friend", "near", "far"],
    together: [
      ["me", "Встречаемся на пристани в семь"],
      ["far", "Я подойду на лодке с той стороны"],
      ["near", "У меня палатка на четверых"],
      ["friend", "Тогда с меня уха"],
    ],
    search: "ма",
  },
  en: {
    people: { me: ["Maple", "dom"], friend: ["Owl", "dacha"], near: ["Lynx", "dom"], far: ["Beacon", "port"], other: ["Spark", "dacha"], stranger: ["Shore", "port"] },
    talk: [
      ["other", "me", "The map of the lake is on the table"],
      ["far", "me", "I am two nodes away and write to you directly"],
      ["me", "far", "And it took a second. How is the lighthouse?"],
      ["far", "me", "Shining. We changed the lamp yesterday, you can see it from the cottage now"],
      ["near", "me", "The neighbour has the keys, I told him"],
      ["me", "near", "Thank you!"],
      ["me", "friend", "Hello! How is the water in the lake?"],
      ["friend", "me", "Warm. Come on Saturday, the boat is free"],
      ["friend", "me", "Sun all day, wind from the north in the evening"],
      ["me", "friend", "Deal. Shall we leave at six?"],
      ["friend", "me", "Better at seven, there is no ferry before"],
      ["me", "friend", "Fine, seven at the pier. What shall I bring?"],
      ["friend", "me", "Bread, matches and something warm:\nit is *cold* at night, last time it was `+6`"],
      ["me", "friend", "> cold at night\nI will take two blankets"],
      ["friend", "me", "And a thermos"],
      ["me", "friend", "See you on Saturday!"],
      ["other", "me", "The compass is there, too, by the way"],
      ["other", "me", "And do not forget the oars"],
    ],
    asks: "Fine, seven at the pier. What shall I bring?",
    group: "Trip to the lake",
    community: "Shores of the lake",
    members: ["friend", "near", "far"],
    together: [
      ["me", "We meet at the pier at seven"],
      ["far", "I will come by boat from the other side"],
      ["near", "I have a tent for four"],
      ["friend", "Then the soup is mine"],
    ],
    search: "be",
  },
};

/** Starts the nodes and lets everybody say what they have to say. Answers the nodes, the people, the open chat. */
export async function village(language) {
  const tale = TALES[language];
  const nodes = {};
  const remove = async () => {
    for (const node of Object.values(nodes)) await node.remove();
  };
  try {
    nodes.dom = await new Node("dom", language).up();
    nodes.dacha = await new Node("dacha", language, ["--peer", nodes.dom.p2p]).up();
    nodes.port = await new Node("port", language, ["--peer", nodes.dacha.p2p, "--peer", nodes.dom.p2p]).up();
    const people = {};
    for (const [who, [nick, node]] of Object.entries(tale.people)) people[who] = await new Caller(nodes[node], nick).registers(PASSWORD);
    const address = (who) => `${people[who].nick}@${people[who].node.name}`;
    const chats = new Map();
    const ids = new Map();
    for (const [from, to, text] of tale.talk) {
      const key = `${from} ${to}`;
      if (!chats.has(key)) chats.set(key, await people[from].finds(address(to)));
      const sent = await people[from].sends(chats.get(key), text);
      ids.set(text, (sent.message ?? sent).id);
      await people[to].receives(await people[to].finds(address(from)), text);
    }
    const group = await people.me.gathers(tale.group, tale.members.map(address));
    for (const [from, text] of tale.together) {
      await people[from].sends(group, text);
      for (const who of tale.members.concat("me")) await people[who].receives(group, text);
    }
    // The owners are the first of their nodes.
    const community = await people.me.foundsCommunity(tale.community);
    const invite = await people.me.invitesNode(community, 5);
    await people.friend.joinsCommunity(invite);
    const peer = await people.me.nodeNamed("dacha");
    return { nodes, people, address, group, community, invite, peer, chat: chats.get("me friend"), message: ids.get(tale.asks), tale, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** Every page: its name, its path, and whether one has to be signed in. */
export function routes({ people, chat, group, message, address, tale, community, invite, peer }) {
  const signed = {
    chats: "/", "chats-unread": "/?filter=unread", "chats-groups": "/?filter=groups", "chats-requests": "/?filter=requests", chat: `/c/${chat}`,
    "chat-at": `/c/${chat}?at=${message}`, "message-path": `/c/${chat}/path/${message}`, "message-acts": `/c/${chat}/m/${message}`,
    "message-forward": `/c/${chat}/m/${message}/forward`, "chat-search": `/c/${chat}/search?q=${encodeURIComponent(tale.search.at(-1))}`, "chat-delete": `/c/${chat}/delete`, "chat-info": `/c/${chat}/info`,
    search: "/search", "search-found": `/search?q=${encodeURIComponent(tale.search)}`, "search-chats": `/search?in=chats&q=${encodeURIComponent(tale.search)}`, "search-words": `/search?in=messages&q=${encodeURIComponent(tale.search)}`, start: `/start/${encodeURIComponent(address("stranger"))}`, "group-new": "/groups/new",
    group: `/c/${group}`, "group-info": `/c/${group}/info`, "group-add": `/c/${group}/add`, "group-picture": `/c/${group}/picture`, "group-menu": `/c/${group}/menu`,
    "settings-profile": "/settings/profile", "settings-look": "/settings/look", "settings-notify": "/settings/notify", "settings-privacy": "/settings/privacy",
    "settings-sessions": "/settings/sessions", "settings-words": "/settings/words", "settings-homes": "/settings/homes", "settings-home": "/settings/home", "settings-node": "/settings/node", "settings-log": "/settings/node/log", "settings-backup": "/settings/node/backup", "settings-room": `/settings/node/${people.near.id}/room`,
    network: "/network", "network-help": "/network/help", "network-mail": "/network/mail", "network-node": `/network/node/${peer}`, "network-block": `/network/node/${peer}/block`, "network-leave": `/network/c/${community}/leave`, "network-join": `/join?code=${invite}`, keys: "/help/keys", https: "/help/https", "welcome-1": "/welcome", "welcome-2": "/welcome/node", "welcome-3": "/welcome/invite",
    "error-404": "/nothing", "error-404-chat": `/c/${"0".repeat(64)}`,
  };
  const open = { login: "/login", register: "/register", recover: "/recover", offline: "/offline", "error-reset": `/reset/${"0".repeat(40)}` };
  const rows = (pages, inside) => Object.entries(pages).map(([name, path]) => ({ name, path, inside }));
  return [...rows(open, false), ...rows(signed, true)];
}
