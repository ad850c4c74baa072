// News of messages while one looks elsewhere: a notification of the browser, or a line in the page where it has none.
import { nodes, on } from "./app.js";
import { t } from "./i18n.js";

const body = document.body;
const KEY = "chater.notify";
const ASK = "chater.ask";
const load = (key) => {
  try { return localStorage.getItem(key); } catch { return null; }
};
const save = (key, value) => {
  try { localStorage.setItem(key, value); } catch { /* only this page, then */ }
};

// It listens to other windows, too: here before anything is to be told, but not before the page works.
const telling = import("./tell.js");

/** Whether this browser shows notifications at all: over plain HTTP from another machine it does not. */
export const possible = isSecureContext && "Notification" in window;
/** Switches them on or off in this browser. */
export const want = (value) => save(KEY, value ? "on" : "off");
/** Whether they are shown now. */
export const allowed = () => possible && Notification.permission === "granted" && load(KEY) === "on";

// The card that follows a message says whether the chat is muted or still a request, and has the picture.
const waiting = new Map();
const known = new Set();
on("message", (frame) => {
  const [item] = nodes(frame.html);
  // The same id again is a change of a message, and an old one comes late or was edited.
  const fresh = Date.now() - Number(item?.dataset.time) < 120_000 && !known.has(frame.id);
  known.add(frame.id);
  if (!fresh) return;
  if (frame.own) return sent();
  const text = "noPreview" in body.dataset ? "" : [...(item.querySelector(".text")?.textContent ?? "")].slice(0, 120).join("");
  waiting.set(frame.chat_id, { id: frame.id, author: frame.author, text: text || t("js-notify-new") });
});

on("chat", async (frame) => {
  const found = waiting.get(frame.chat_id);
  waiting.delete(frame.chat_id);
  if (!found || frame.muted_until > Date.now() || frame.state !== "open") return;
  (await telling).tell(frame, found);
});

// --- asking for them: after the first sent message, in the list, again after 14 days, at most twice
const AGAIN_MS = 14 * 24 * 3_600_000;
function sent() {
  if (load(ASK) === null) save(ASK, "0 0");
  offer();
}
async function offer() {
  const [times, last] = (load(ASK) ?? "2 0").split(" ").map(Number);
  const due = times < 2 && Date.now() - last > AGAIN_MS;
  const list = document.querySelector(".list-top");
  if (!due || !list || !possible || Notification.permission !== "default" || load(KEY) || list.querySelector("[data-ask]")) return;
  const { ask } = await import("./ask.js");
  ask(list, (times) => save(ASK, `${times} ${Date.now()}`), times);
}
offer();

// --- the installed page: files of pages are kept, and notifications shown, by a worker
if (isSecureContext && navigator.serviceWorker) {
  const { lang, dataset } = document.documentElement;
  navigator.serviceWorker.register(`/sw.js?lang=${lang}&theme=${dataset.theme ?? ""}`).catch(() => {});
  navigator.serviceWorker.addEventListener("message", async ({ data }) => (await telling).go(data?.chat));
}
