// How many chats have unread messages: in the title, as a dot on the tab's icon, on the icon of the installed page.
import { on } from "./app.js";

const body = document.body;
const icon = document.querySelector("link[rel=icon]");
const known = new Map();
let total = Number(body.dataset.unread) || 0;

function show() {
  document.title = `${total > 0 ? `(${total}) ` : ""}${body.dataset.title} · chater`;
  const chip = document.querySelector("[data-unread-count]");
  if (chip) chip.textContent = total > 0 ? total : "";
  const file = total > 0 ? "icon-unread.svg" : "icon.svg";
  if (!icon.href.endsWith(`/${file}`)) icon.href = icon.href.replace(/[^/]+$/, file);
  // Only an installed page has such a number; a browser may refuse it.
  (total > 0 ? navigator.setAppBadge?.(total) : navigator.clearAppBadge?.())?.catch(() => {});
}

// A chat that no card here tells of may have been counted before or not: the node knows.
let asking = 0;
function ask() {
  asking ||= setTimeout(async () => {
    asking = 0;
    const answer = await fetch("/unread").catch(() => null);
    if (!answer?.ok || answer.redirected) return;
    total = Number(await answer.text()) || 0;
    show();
  }, 300);
}

/** Whether it is known what a chat counts for. */
export const knows = (chat) => known.has(chat);
/** A chat is in the list no more. */
export const forget = (chat) => known.delete(chat);
/** The number as the node counts it. */
export function settle(number) {
  total = number;
  show();
}

/** Notes what cards say, without counting it anew. */
export function learn(cards) {
  for (const card of cards) known.set(card.dataset.chat, Number(card.dataset.unread));
}

/** A chat has so many unread messages now; none of them when it is gone. */
export function count(chat, unread, gone = false) {
  const was = known.get(chat);
  if (gone) known.delete(chat);
  else known.set(chat, unread);
  if (was === undefined) return ask();
  total = Math.max(0, total + Number(unread > 0) - Number(was > 0));
  show();
}

// Beside a list its cards are counted, which know more.
if (!document.querySelector("[data-cards]")) {
  on("chat", (frame) => frame.state === "open" && count(frame.chat_id, frame.unread));
  on("gone", (frame) => !frame.id && count(frame.chat_id, 0, true));
}
show();
