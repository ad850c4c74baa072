// Telling a message: by the browser, or by a line in the page where it has none; of several windows one does.
import { nodes, toast } from "./app.js";
import { t } from "./i18n.js";
import { allowed, possible } from "./notify.js";

const body = document.body;
const open = document.querySelector("main[data-chat]")?.dataset.chat;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

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

/** Leads to a chat. */
export const go = (chat) => chat && chat !== open && location.assign(`/c/${chat}`);

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

/** Tells a message `found` of the chat of a `frame`, unless another window does. */
export async function tell(frame, found) {
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
}
