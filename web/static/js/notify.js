// News of messages while one looks elsewhere: a notification of the browser, or a line in the page where it has none.
import { nodes, on, toast } from "./app.js";
import { t } from "./i18n.js";

const body = document.body;
const open = document.querySelector("main[data-chat]")?.dataset.chat;
const KEY = "chater.notify";
const ASK = "chater.ask";
const load = (key) => {
  try { return localStorage.getItem(key); } catch { return null; }
};
const save = (key, value) => {
  try { localStorage.setItem(key, value); } catch { /* only this page, then */ }
};
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Whether this browser shows notifications at all: over plain HTTP from another machine it does not. */
export const possible = isSecureContext && "Notification" in window;
/** Switches them on or off in this browser. */
export const want = (value) => save(KEY, value ? "on" : "off");
/** Whether they are shown now. */
export const allowed = () => possible && Notification.permission === "granted" && load(KEY) === "on";

function beep() {
  if (!("sound" in body.dataset)) return;
  try {
    const audio = new AudioContext();
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    volume.gain.value = 0.05;
    tone.connect(volume).connect(audio.destination);
    tone.start();
    tone.stop(audio.currentTime + 0.12);
    tone.onended = () => audio.close();
  } catch { /* no sound here */ }
}

const go = (chat) => chat && chat !== open && location.assign(`/c/${chat}`);

/** Shows one; those of one chat replace each other, and a click leads to it. */
export async function show(title, text, chat, icon) {
  const options = { body: text, icon: icon || document.querySelector("link[rel=apple-touch-icon]").href };
  if (chat) Object.assign(options, { tag: chat, renotify: true, data: chat });
  // The worker's outlive this page, and phones know no others.
  const worker = (await navigator.serviceWorker?.getRegistration().catch(() => null))?.active && (await navigator.serviceWorker.ready);
  if (worker) return worker.showNotification(title, options);
  const note = new Notification(title, options);
  note.onclick = () => {
    focus();
    go(chat);
    note.close();
  };
}

// Of several windows one tells a message, and one that shows the chat goes first: then nothing is said.
const claims = new Map();
const channel = "BroadcastChannel" in window ? new BroadcastChannel("chater.notify") : null;
if (channel) channel.onmessage = ({ data: [id, rank] }) => claim(id, rank);
function claim(id, rank) {
  if (!claims.has(id)) setTimeout(() => claims.delete(id), 5000);
  claims.set(id, Math.min(rank, claims.get(id) ?? rank));
}
async function first(id, seen) {
  if (navigator.locks) {
    if (!seen) await pause(150);
    return new Promise((done) => navigator.locks.request(`chater.${id}`, { ifAvailable: true }, (lock) => {
      done(lock !== null);
      return lock && pause(3000);
    }));
  }
  const rank = seen ? 0 : 1 + Number(document.hidden) + Math.random();
  claim(id, rank);
  channel?.postMessage([id, rank]);
  await pause(150);
  return claims.get(id) === rank;
}

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
  const seen = !document.hidden && frame.chat_id === open;
  if (!(await first(found.id, seen)) || seen) return;
  beep();
  const icon = nodes(frame.html)[0]?.querySelector(".av img")?.src;
  // Of a group its name is told, too.
  const title = frame.members ? `${found.author} · ${frame.title}` : found.author;
  if (allowed()) show(title, found.text, frame.chat_id, icon);
  else if (!document.hidden && !(possible && Notification.permission !== "denied")) {
    toast(`${title}: ${found.text}`, t("js-open"), () => go(frame.chat_id));
  }
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
  navigator.serviceWorker.addEventListener("message", ({ data }) => go(data?.chat));
}
