// The chat list follows the news: cards move and change.
import { nodes, on, part } from "./app.js";
import { t } from "./i18n.js";
import { localize } from "./time.js";
import { count, forget, knows, learn, settle } from "./unread.js";

const list = document.querySelector("[data-cards]");
const counts = document.querySelector("[data-counts]");
const filter = list?.dataset.cards;
const open = document.querySelector("main[data-chat]")?.dataset.chat;
const items = () => [...(list?.querySelectorAll("li[data-chat]") ?? [])];
const itemOf = (id) => list?.querySelector(`li[data-chat="${CSS.escape(id)}"]`);
learn(items());

// The numbers of the filters and the card of the requests, as the node counts them; at most once a second.
let counting = 0;
function recount() {
  counting ||= setTimeout(async () => {
    counting = 0;
    if (!counts) return;
    const url = new URL(`/?filter=${filter}&part=counts`, location.href);
    const fresh = await fetch(url, { headers: { Accept: "text/html" } }).then((it) => (it.ok && !it.redirected ? it.text() : null), () => null);
    if (fresh === null) return;
    const focused = counts.contains(document.activeElement) && document.activeElement.getAttribute("href");
    counts.replaceChildren(...nodes(fresh));
    if (focused) counts.querySelector(`[href="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    settle(Number(counts.querySelector("[data-filters]")?.dataset.filters) || 0);
  }, 1000);
}

// Pinned first, then by last activity (the node's order).
function before(one, other) {
  const pinned = Number("pinned" in other.dataset) - Number("pinned" in one.dataset);
  return pinned !== 0 ? pinned < 0 : Number(one.dataset.active) > Number(other.dataset.active);
}

// Whether a chat belongs to the filter that is open. What was read stays among the new ones until they are opened again.
const belongs = {
  all: (frame) => frame.state === "open" && !frame.archived,
  unread: (frame, item) => frame.state === "open" && !frame.archived && (item || frame.unread > 0),
  groups: (frame, item, card) => frame.state === "open" && !frame.archived && "group" in card.dataset,
  archive: (frame) => frame.state === "open" && frame.archived,
  requests: (frame) => frame.state === "request",
};

function drop(item) {
  const next = item.contains(document.activeElement) && (item.nextElementSibling ?? item.previousElementSibling);
  item.remove();
  next?.querySelector?.("a")?.focus({ preventScroll: true });
}

function place(card, frame) {
  const old = itemOf(frame.chat_id);
  if (!belongs[filter]?.(frame, old, card)) return old && drop(old);
  if (filter !== "all") card.querySelector("a").search = `?list=${filter}`;
  if (frame.chat_id === open) card.querySelector("a").setAttribute("aria-current", "page");
  const focused = old?.contains(document.activeElement) && (document.activeElement.matches("[data-opts]") ? "[data-opts]" : "a");
  localize(card);
  const next = items().find((other) => other !== old && before(card, other));
  // Beyond the cards loaded so far it comes with the next page.
  const foot = list.querySelector("[data-next]");
  if (!next && foot && !old) return;
  const top = list.scrollTop;
  list.querySelector("[data-empty]")?.remove();
  old?.remove();
  list.insertBefore(card, next ?? foot);
  list.scrollTop = top;
  if (focused) card.querySelector(focused).focus({ preventScroll: true });
}

// The chat that is looked at is read in a moment: its card shows no number for that long, and none if it is read.
let unreadYet = 0;
function calm(frame) {
  if (frame.chat_id !== open) return frame;
  clearTimeout(unreadYet);
  if (!frame.unread || document.hidden || !document.hasFocus()) return frame;
  unreadYet = setTimeout(() => changed(frame), 3000);
  return { ...frame, unread: 0, calm: true };
}
on("chat", (frame) => changed(calm(frame)));

function changed(frame) {
  const [card] = nodes(frame.html);
  if (!card) return;
  const counted = frame.state === "open" && !frame.archived;
  const is = counted ? frame.unread : 0;
  // Of a chat that was not seen yet it is not known whether it is counted already.
  if (counted && knows(frame.chat_id)) count(frame.chat_id, is);
  else {
    if (counted) learn([{ dataset: { chat: frame.chat_id, unread: is } }]);
    else forget(frame.chat_id);
    recount();
  }
  if (itemOf(frame.chat_id) && filter !== "all") recount();
  if (!list) return;
  if (frame.calm) {
    card.dataset.unread = 0;
    card.querySelectorAll(".badge, [data-unread-words]").forEach((it) => it.remove());
    card.querySelector(".unread")?.classList.remove("unread");
  }
  place(card, frame);
}
on("gone", (frame) => {
  if (frame.id) return;
  const item = itemOf(frame.chat_id);
  if (item) drop(item);
  forget(frame.chat_id);
  recount();
});

// Who writes just now stands in the place of the last message; who is there has a dot.
const typists = new Map();
function silent(id) {
  clearTimeout(typists.get(id));
  typists.delete(id);
  const item = itemOf(id);
  item?.querySelector(".types")?.remove();
  for (const it of item?.querySelectorAll(".row [hidden]") ?? []) it.hidden = false;
}
on("typing", ({ chat_id: id, name, on: begins }) => {
  silent(id);
  const snip = begins && itemOf(id)?.querySelector(".snip");
  if (!snip) return;
  for (const it of snip.parentNode.querySelectorAll(".snip, .tick, .tick + .vh")) it.hidden = true;
  // An icon has no `hidden` of its own.
  snip.parentNode.querySelector(".tick")?.toggleAttribute("hidden", true);
  const types = document.createElement("span");
  types.className = "snip types";
  types.textContent = t("js-typing-one", { a: name });
  snip.before(types);
  typists.set(id, setTimeout(() => silent(id), 6000));
});
on("presence", (frame) => {
  const item = list?.querySelector(`li[data-person="${CSS.escape(frame.user_id)}"]`);
  item?.querySelector(".av").classList.toggle("on", frame.online);
  const word = item?.querySelector("[data-online]");
  if (word) word.textContent = frame.online ? word.dataset.online : "";
});
// A silence ends by the clock.
setInterval(() => {
  for (const item of list?.querySelectorAll("li[data-muted-until]") ?? []) {
    if (Number(item.dataset.mutedUntil) > Date.now()) continue;
    delete item.dataset.mutedUntil;
    item.querySelector("[data-is=muted]")?.remove();
    item.querySelector(".badge")?.classList.remove("quiet");
  }
}, 15_000);

// --- the menu of a card: right button, long press, the button on it
let menu = null;
async function act(item, near) {
  menu ??= import("./menu.js");
  (await menu).open(item, near);
}
list?.addEventListener("click", (event) => {
  const button = event.target.closest("[data-opts]");
  if (!button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  act(button.closest("li"), button.getBoundingClientRect());
});
list?.addEventListener("contextmenu", (event) => {
  const item = event.target.closest("li[data-chat]");
  if (!item || event.shiftKey) return;
  event.preventDefault();
  const { clientX: left, clientY: bottom } = event;
  // By a key there is no place of a pointer.
  act(item, left || bottom ? { left, bottom, top: bottom } : item.getBoundingClientRect());
});
// Phones whose browser has no such event: a press of half a second, whose end is no click.
let press = 0;
let pressed = false;
list?.addEventListener("pointerdown", (event) => {
  clearTimeout(press);
  pressed = false;
  const item = event.target.closest("li[data-chat]");
  if (event.pointerType !== "touch" || !item) return;
  press = setTimeout(() => {
    pressed = true;
    act(item, item.getBoundingClientRect());
  }, 500);
});
for (const end of ["pointerup", "pointercancel", "pointermove"]) list?.addEventListener(end, (event) => (end !== "pointermove" || Math.hypot(event.movementX, event.movementY) > 4) && clearTimeout(press));
list?.addEventListener("click", (event) => {
  if (!pressed) return;
  pressed = false;
  event.preventDefault();
}, true);

// The next page, when its link comes near.
let loading = false;
async function more(foot) {
  if (loading) return;
  loading = true;
  const found = await part(foot.querySelector("a").href);
  loading = false;
  if (!found) return;
  const known = new Set(items().map((item) => item.dataset.chat));
  const fresh = found.filter((item) => !known.has(item.dataset.chat));
  foot.replaceWith(...fresh);
  localize(list);
  learn(fresh.filter((item) => item.dataset.chat));
  watch();
}
const near = new IntersectionObserver((seen) => seen.forEach((it) => it.isIntersecting && more(it.target)), { rootMargin: "300px" });
function watch() {
  near.disconnect();
  const foot = list?.querySelector("[data-next]");
  if (foot) near.observe(foot);
}
watch();
list?.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
