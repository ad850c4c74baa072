// Notifications of new messages: only when asked for in this browser, only for what is not on the screen.
import { nodes, on } from "./app.js";
import { t } from "./i18n.js";

const body = document.body;
const open = document.querySelector("main[data-chat]")?.dataset.chat;
const known = new Set();
const muted = new Map();
const KEY = "chater.notify";
const wanted = () => {
  try { return localStorage.getItem(KEY) === "on"; } catch { return false; }
};
const want = (value) => {
  try { localStorage.setItem(KEY, value ? "on" : "off"); } catch { /* only this page, then */ }
};
const possible = isSecureContext && "Notification" in window;
const allowed = () => possible && Notification.permission === "granted" && wanted();

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

function show(title, text, chat, icon) {
  beep();
  if (!allowed()) return;
  const note = new Notification(title, { body: text, tag: chat, icon });
  note.onclick = () => {
    focus();
    if (chat && chat !== open) location.assign(`/c/${chat}`);
    note.close();
  };
}

on("chat", (frame) => muted.set(frame.chat_id, frame.muted_until));
on("message", (frame) => {
  const card = document.querySelector(`li[data-chat="${CSS.escape(frame.chat_id)}"]`);
  const silent = (muted.get(frame.chat_id) ?? (Number(card?.dataset.mutedUntil) || 0)) > Date.now();
  const [item] = nodes(frame.html);
  // The same id again is a change of a message, and an old one comes late or was edited.
  const fresh = Date.now() - Number(item?.dataset.time) < 120_000 && !known.has(frame.id);
  known.add(frame.id);
  if (frame.own || silent || !fresh || (!document.hidden && frame.chat_id === open)) return;
  const text = "noPreview" in body.dataset ? "" : [...(item.querySelector(".text")?.textContent ?? "")].slice(0, 120).join("");
  const tell = () => show(frame.author, text || t("js-notify-new"), frame.chat_id, card?.querySelector(".av img")?.src);
  // Of several windows one tells it.
  if (!navigator.locks) return tell();
  navigator.locks.request(`chater.${frame.id}`, { ifAvailable: true }, async (lock) => {
    if (!lock) return;
    tell();
    await new Promise((done) => setTimeout(done, 3000));
  });
});

// --- the settings page --------------------------------------------------------------------
const box = document.querySelector("[data-notify]");
const part = (name) => box.querySelector(`[data-notify-${name}]`);

function draw() {
  const state = !possible ? "insecure" : Notification.permission === "denied" ? "denied" : allowed() ? "works" : "ready";
  part("state").textContent = { insecure: t("js-notify-insecure"), denied: t("js-notify-denied"), works: t("js-notify-works"), ready: t("js-notify-ready") }[state];
  part("on").hidden = state !== "ready";
  part("off").hidden = part("try").hidden = state !== "works";
}

if (box) {
  part("on").addEventListener("click", async () => {
    want((await Notification.requestPermission()) === "granted");
    draw();
  });
  part("off").addEventListener("click", () => {
    want(false);
    draw();
  });
  part("try").addEventListener("click", () => show("chater", t("js-notify-test")));
  draw();
}
