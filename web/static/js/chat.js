// A conversation that is open: messages come, change and get their marks; what is being read stays where it is.
import { make, nodes, on, part } from "./app.js";
import { t } from "./i18n.js";
import { group } from "./runs.js";
import { localize } from "./time.js";

export const pane = document.querySelector("main[data-chat]");
/** The chat's id, hex. */
export const chat = pane.dataset.chat;
export const log = pane.querySelector("[data-log]");
export const items = pane.querySelector("[data-items]");
const jump = pane.querySelector("[data-bottom]");
const jumpCount = pane.querySelector("[data-bottom-count]");
const WAITS_MS = 60_000;
const RANK = { sending: 0, stored: 1, delivered: 2, read: 3, failed: 4 };
const jumpName = jump.getAttribute("aria-label");
let below = 0;

/** Messages, and what happened to the group between them. */
export const lines = () => [...items.querySelectorAll("li.msg, li.sys")];
export const messages = () => [...items.querySelectorAll("li.msg")];
/** The item of a message id. */
export const byId = (id) => items.querySelector(`li[data-id="${CSS.escape(id)}"]`);
/** The item of a client id. */
export const byClient = (id) => items.querySelector(`li[data-client="${CSS.escape(id)}"]`);
/** Whether later messages are not in the page. */
export const cut = () => "hasNewer" in log.dataset;
const atEnd = () => Math.abs(log.scrollTop) < 100 && !cut();

/** Lays out runs and days anew. */
export const regroup = () => group(items, lines());

// --- keeping the line being read in place
/** Changes the items; the first line on the screen does not move. */
export function keep(change) {
  if (log.scrollTop === 0 && !cut()) return change(); // at the end one stays there
  const top = log.getBoundingClientRect().top;
  const anchor = messages().find((item) => item.getBoundingClientRect().bottom > top);
  const was = anchor?.getBoundingClientRect().top;
  change();
  if (anchor?.isConnected) log.scrollBy(0, anchor.getBoundingClientRect().top - was);
}

/** Scrolls to the newest message. */
export function toEnd() {
  log.scrollTop = 0;
  below = 0;
  shown();
}

/** The round button follows the place of the log. */
export function shown() {
  const end = atEnd();
  if (end) below = 0;
  jump.hidden = end;
  jumpCount.hidden = below === 0;
  jumpCount.textContent = below > 99 ? "99+" : String(below);
  jump.setAttribute("aria-label", below ? `${jumpName}, ${t("js-new-count", { n: below })}` : jumpName);
}

// --- messages
const early = new Map(); // marks that came before their message

// In a chat with one person of another node the words name that node.
function words(item) {
  const { state } = item.dataset;
  const named = { stored: "js-state-stored-for", delivered: "js-state-delivered-to" }[state];
  const line = item.querySelector("[data-state-text]");
  const { node } = pane.dataset;
  if (line) line.textContent = node && named ? t(named, { a: node }) : t(`js-state-${state}`);
}

// After a minute without the other node the last own message says that it waits, and since when.
let waitTimer = 0;
/** Looks whether the last own message waits for the other node. */
export function waits() {
  clearTimeout(waitTimer);
  const own = messages().filter((item) => item.matches(".me[data-id]"));
  const since = Number(own.find((item) => item.dataset.state === "stored")?.dataset.time);
  const old = items.querySelector("[data-waits]");
  const away = "away" in pane.dataset || log.classList.contains("group");
  if (!away || own.at(-1)?.dataset.state !== "stored" || cut()) return old?.remove();
  const left = since + WAITS_MS - Date.now();
  if (left > 0) waitTimer = setTimeout(waits, left + 50);
  if (old || left > 0) return;
  if (log.classList.contains("group")) return waitsInGroup();
  const time = make("time", { dateTime: new Date(since).toISOString() });
  time.dataset.form = "full";
  const note = make("li", { className: "note" }, `${pane.dataset.awayText} ${pane.dataset.sinceText} `, time);
  Object.assign(note.dataset, { note: "", waits: "" });
  localize(note);
  keep(() => items.append(note));
}

// Which nodes a group waits for only the node knows.
async function waitsInGroup() {
  const [note] = (await part(`/c/${chat}?part=waits`)) ?? [];
  if (!note || items.querySelector("[data-waits]") || messages().findLast((item) => item.matches(".me[data-id]"))?.dataset.state !== "stored") return;
  localize(note);
  keep(() => items.append(note));
}

function mark(item, state) {
  if ((RANK[state] ?? 0) <= (RANK[item.dataset.state] ?? 0)) return;
  item.dataset.state = state;
  const tick = item.querySelector(".tick");
  tick?.setAttribute("class", `tick ${state}`);
  tick?.querySelector("use")?.setAttribute("href", `#t-${state === "read" ? "delivered" : state}`);
  words(item);
  item.classList.toggle("fail", state === "failed");
  waits();
}

// Below the messages stand notes and the link to later pages. Each stands where the order of the chat puts it.
function append(item) {
  const { n, time } = item.dataset;
  const later = (it) => it.dataset.n && (Number(it.dataset.time) > time || (it.dataset.time === time && Number(it.dataset.n) > n));
  const next = n && lines().find(later);
  if (next) return next.before(item);
  const foot = lines().at(-1)?.nextElementSibling ?? [...items.children].find((it) => it.matches("[data-note]"));
  items.insertBefore(item, foot ?? null);
}

const placed = [];
/** Calls `seen` with every message put in. */
export const whenPut = (seen) => placed.push(seen);

/** Puts a drawn message in: in place of the same one, else at the end. */
export function put(item) {
  const { id, client } = item.dataset;
  const old = (id && byId(id)) || (client && byClient(client));
  localize(item);
  if (item.classList.contains("me") && id && pane.dataset.node) words(item);
  if (early.has(id)) {
    mark(item, early.get(id));
    early.delete(id);
  }
  if (old) {
    const held = old.contains(document.activeElement);
    keep(() => {
      old.replaceWith(item);
      if (old.dataset.state !== "failed") mark(item, old.dataset.state);
      regroup();
    });
    if (held) item.focus({ preventScroll: true });
  } else if (cut()) {
    return; // not part of this page; the button leads there
  } else {
    const follow = atEnd() || item.classList.contains("me");
    items.querySelector("[data-blank]")?.remove();
    const change = () => {
      append(item);
      if (item.querySelector(".late") && item !== messages().at(-1)) import("./late.js").then((it) => it.tell(item));
      regroup();
    };
    if (follow) {
      change();
      toEnd();
    } else {
      keep(change);
      below += 1;
      shown();
    }
  }
  for (const seen of placed) seen(item, !old);
  waits();
}

/** Takes a message out. */
export function drop(item) {
  if (!item) return;
  const next = item.nextElementSibling ?? item.previousElementSibling;
  const held = item.contains(document.activeElement);
  keep(() => {
    item.remove();
    regroup();
  });
  if (held) (next?.matches(".msg") ? next : log).focus({ preventScroll: true });
  waits();
}

// New messages of others are read out: one announcement a second at most, more become a number.
const sayLine = pane.querySelector("[data-say]");
let unsaid = [];
let saying = 0;
function say(line) {
  unsaid.push(line);
  if (!saying) tell();
}
function tell() {
  saying = 0;
  if (unsaid.length === 0) return;
  sayLine.textContent = unsaid.length === 1 ? unsaid[0] : t("js-new-count", { n: unsaid.length });
  unsaid = [];
  saying = setTimeout(tell, 1000);
}

on("message", (frame) => {
  if (frame.chat_id !== chat) return;
  const known = byId(frame.id) !== null;
  const [item] = nodes(frame.html);
  if (!item) return;
  put(item);
  if (!frame.own && !known) say(`${item.dataset.name}: ${item.querySelector(".text")?.textContent ?? ""}`);
});

// What happened to the group: lines are taken from the page, where several of one kind are one.
// Of two that are asked for at once the later one has the word: names may have come between them.
let asked = 0;
on("notes", async (frame) => {
  if (frame.chat_id !== chat || cut()) return;
  const mine = (asked += 1);
  const found = await part(`/c/${chat}`);
  if (!found || cut() || mine !== asked) return;
  const follow = atEnd();
  const old = items.querySelectorAll("li.sys");
  const fresh = found.filter((item) => item.matches("li.sys"));
  const first = Number(fresh[0]?.dataset.time);
  keep(() => {
    for (const item of old) if (Number(item.dataset.time) >= first) item.remove();
    if (fresh.length) items.querySelector("[data-blank]")?.remove();
    fresh.forEach(append);
    regroup();
  });
  if (follow) toEnd();
});

// Its name and size; whoever is out of it by now sees the page of those who are out.
on("chat", (frame) => {
  if (frame.chat_id !== chat) return;
  if (frame.state !== pane.dataset.standing) return location.reload();
  pane.querySelector("#title a").textContent = frame.title;
  if (frame.members) pane.querySelector("[data-presence]").textContent = frame.members;
});

on("gone", (frame) => {
  if (frame.chat_id !== chat) return;
  if (!frame.id) return location.assign("/");
  drop(byId(frame.id));
});

// In a group: on how many nodes it is, how many have read it, before that is all of them.
on("reach", (frame) => {
  const line = frame.chat_id === chat && byId(frame.id)?.querySelector("[data-state-text]");
  if (line) line.textContent = frame.text;
});

on("state", (frame) => {
  if (frame.chat_id !== chat) return;
  for (const id of frame.ids) {
    const item = byId(id);
    if (item) mark(item, frame.state);
    else if (early.size < 512) early.set(id, frame.state);
  }
});

jump.addEventListener("click", (event) => {
  if (cut()) return; // the link loads the newest page
  event.preventDefault();
  toEnd();
});

// --- of the days that stay at the top only the last is seen, and it goes after a moment: it lies over a message
const REST_MS = 1_200;
let restTimer = 0;
function rest(moving) {
  const top = log.getBoundingClientRect().top + 17; // the padding of the log; in its own place a day has a margin, too
  const days = [...items.querySelectorAll(".day")];
  const at = days.findLastIndex((day) => day.getBoundingClientRect().top <= top);
  days.forEach((day, n) => day.classList.toggle("over", n < at || (n === at && !moving)));
}
function moved() {
  rest(true);
  clearTimeout(restTimer);
  restTimer = setTimeout(rest, REST_MS);
}
log.addEventListener("scroll", () => (shown(), moved()), { passive: true });
rest();
waits();
