// The chat list follows the news: cards move and change.
import { nodes, on, part } from "./app.js";
import { localize } from "./time.js";
import { count, learn } from "./unread.js";

const list = document.querySelector("[data-cards]");
const open = document.querySelector("main[data-chat]")?.dataset.chat;
const items = () => [...(list?.querySelectorAll("li[data-chat]") ?? [])];
learn(items());

// Pinned first, then by last activity (the node's order).
function before(one, other) {
  const pinned = Number("pinned" in other.dataset) - Number("pinned" in one.dataset);
  return pinned !== 0 ? pinned < 0 : Number(one.dataset.active) > Number(other.dataset.active);
}

function place(card) {
  const id = card.dataset.chat;
  const old = list.querySelector(`li[data-chat="${CSS.escape(id)}"]`);
  const filter = list.dataset.cards;
  const fits = filter === "all" || (filter === "unread" && Number(card.dataset.unread) > 0);
  if (!old && !fits) return;
  if (id === open) card.querySelector("a").setAttribute("aria-current", "page");
  const focused = old?.contains(document.activeElement);
  localize(card);
  const cards = items().filter((other) => other !== old);
  const next = cards.find((other) => before(card, other));
  // Beyond the cards loaded so far it comes with the next page.
  const foot = list.querySelector("[data-next]");
  if (!next && foot && !old) return;
  const top = list.scrollTop;
  list.querySelector("[data-empty]")?.remove();
  old?.remove();
  list.insertBefore(card, next ?? foot);
  list.scrollTop = top;
  if (focused) card.querySelector("a").focus({ preventScroll: true });
}

// The chat that is looked at is read in a moment: its card shows no number for that long, and none if it is read.
let unreadYet = 0;
function calm(frame) {
  if (frame.chat_id !== open) return frame;
  clearTimeout(unreadYet);
  if (!frame.unread || document.hidden || !document.hasFocus()) return frame;
  unreadYet = setTimeout(() => changed(frame), 1200);
  return { ...frame, unread: 0, calm: true };
}
on("chat", (frame) => changed(calm(frame)));

function changed(frame) {
  // First messages of those who may not write into the list wait apart.
  if (frame.state !== (list?.dataset.cards === "requests" ? "request" : "open")) return;
  if (frame.state === "open") count(frame.chat_id, frame.unread ?? 0);
  const [card] = nodes(frame.html);
  if (!list || !card) return;
  if (frame.calm) {
    card.dataset.unread = 0;
    card.querySelectorAll(".badge, .badge + .vh").forEach((it) => it.remove());
    card.querySelector(".unread")?.classList.remove("unread");
  }
  place(card);
}
on("gone", (frame) => {
  if (frame.id || !list) return;
  list.querySelector(`li[data-chat="${CSS.escape(frame.chat_id)}"]`)?.remove();
  count(frame.chat_id, 0, true);
});

// The next page, when its link comes near.
let loading = false;
async function more(foot) {
  if (loading) return;
  loading = true;
  const found = await part(foot.querySelector("a").href);
  loading = false;
  if (!found) return;
  const known = new Set(items().map((card) => card.dataset.chat));
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
