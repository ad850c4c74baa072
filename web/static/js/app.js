// The live socket of a signed-in page and the bus that its other scripts listen to.
import { t } from "./i18n.js";

const body = document.body;
const bus = new EventTarget();
/** This user, hex. */
export const me = body.dataset.user ?? "";
/** The token of forms. */
export const csrf = body.dataset.csrf ?? "";

/** Listens to frames of one type (also `open` and `lost`). */
export const on = (type, heard) => bus.addEventListener(type, (event) => heard(event.detail));
const tell = (type, detail) => bus.dispatchEvent(new CustomEvent(type, { detail }));

/** Posts a form by fetch. Answers the response, or null when the node did not answer: on a dead line a browser waits for minutes. */
export async function post(url, fields) {
  const body = new URLSearchParams({ _csrf: csrf, ...fields });
  try {
    return await fetch(url, { method: "POST", body, redirect: "manual", headers: { Accept: "application/json" }, signal: AbortSignal.timeout(20_000) });
  } catch {
    return null;
  }
}

/** A piece of HTML as nodes, made by the node's own templates. */
export function nodes(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return [...template.content.children];
}

/** A new element with properties and children. */
export function make(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Fetches a part of a page as nodes; null when it did not come. */
export async function part(url, signal) {
  const place = new URL(url, location.href);
  if (!place.searchParams.has("part")) place.searchParams.set("part", "1");
  try {
    const answer = await fetch(place, { signal, headers: { Accept: "text/html" } });
    return answer.ok && !answer.redirected ? nodes(await answer.text()) : null;
  } catch {
    return null;
  }
}

// --- the socket
const WAITS = [1, 2, 4, 8, 15, 30];
let socket = null;
let seq = body.dataset.seq;
let tries = 0;
let nextTry = 0;
let timer = 0;
let lostAt = 0;
let heardAt = 0;
let ended = false;
let greeted = false; // by the node, over the present socket
let stale = false; // the node is of another version than this page
let count = 0;

/** Whether frames can be sent now. */
export const live = () => socket?.readyState === WebSocket.OPEN;

/** Sends a frame; answers its id, or 0 when there is no connection. */
export function send(type, fields = {}) {
  if (!live()) return 0;
  count += 1;
  socket.send(JSON.stringify({ type, id: count, ...fields }));
  return count;
}

/** Opens the socket, once all scripts of the page listen: see live.js. */
export function connect() {
  clearTimeout(timer);
  if (ended || !me || (socket && socket.readyState < WebSocket.CLOSING)) return;
  const after = seq === undefined ? "" : `?after=${seq}`;
  socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/live${after}`);
  socket.onmessage = (event) => heard(JSON.parse(event.data));
  greeted = false;
  heardAt = Date.now();
  socket.onclose = (event) => closed(event.code);
}

function heard(frame) {
  heardAt = Date.now();
  if (frame.seq !== undefined) seq = frame.seq;
  pill(frame.pill);
  if (frame.type === "hello") {
    greeted = true;
    stale = Boolean(frame.version && body.dataset.version && frame.version !== body.dataset.version);
    if (stale) {
      toast(t("js-updated"), t("js-reload"), () => location.reload(), true);
    }
    back();
    disk(frame);
    tell("open", frame);
  } else if (frame.type === "reload") {
    // A node that starts again remembers nothing. To another version one goes when one has finished typing.
    if (!stale || !(document.activeElement?.value || document.querySelector("dialog[open]"))) reload();
  } else if (frame.type === "disk") {
    disk(frame);
  } else {
    tell(frame.type, frame);
  }
}

// How many nodes this one is linked with, as the node draws it.
function pill(html) {
  const own = document.querySelector("[data-pill]");
  if (own && html && own.innerHTML !== html) own.innerHTML = html;
}

// The disk of the node has no room, or has it again.
function disk({ full }) {
  const line = document.querySelector("[data-full]");
  if (line && full !== undefined) line.hidden = !full;
}

// What was missed is not remembered any more. Never in a circle: once in ten seconds, and what is told sooner waits. Only
// where something of it is shown: another page may be the answer to a form, which a reload would send again.
let again = 0;
function reload() {
  seq = undefined;
  if (!document.querySelector("[data-items], [data-filters]")) return;
  const was = performance.getEntriesByType("navigation")[0]?.type === "reload";
  clearTimeout(again);
  again = setTimeout(() => location.reload(), was ? 10_000 - performance.now() : 0);
}

function closed(code) {
  if (code === 4401) {
    ended = true;
    login();
    return;
  }
  if (!greeted) over();
  lostAt ||= Date.now();
  tell("lost", {});
  const wait = WAITS[Math.min(tries, WAITS.length - 1)] * 1000 * (1 + Math.random() * 0.3);
  tries += 1;
  nextTry = Date.now() + wait;
  timer = setTimeout(connect, wait);
}

// A session that ended meanwhile looks like a node that is away: the browser does not tell why a socket did not open.
async function over() {
  const answer = await fetch("/unread", { redirect: "manual", headers: { Accept: "application/json" } }).catch(() => null);
  if (answer?.type !== "opaqueredirect" && answer?.status !== 401) return;
  ended = true;
  clearTimeout(timer);
  if (banner) banner.hidden = true;
  login();
}

/** The session is over: what is typed stays. */
export function login() {
  if (document.querySelector("[data-ended]")) return;
  const next = encodeURIComponent(location.pathname + location.search);
  const [box] = nodes(`<dialog data-ended aria-labelledby="ended"><h2 id="ended">${t("js-ended-title")}</h2><p>${t("js-ended")}</p><p class="acts"><a class="btn p" href="/login?next=${next}">${t("js-log-in")}</a></p></dialog>`);
  body.append(box);
  box.showModal();
}

// --- the banner
const banner = document.querySelector("[data-banner]");
const words = banner?.querySelector("[data-banner-text]");
const now = banner?.querySelector("[data-banner-now]");

setInterval(() => {
  // The node says something every 30 s: a line that is silent for longer is dead, though nobody closed it.
  if (socket?.readyState < WebSocket.CLOSING && Date.now() - heardAt > 90_000) {
    socket.onclose = null;
    socket.close();
    closed();
  }
  if (!banner || !lostAt || ended || Date.now() - lostAt < 3000) return;
  const seconds = Math.max(0, Math.ceil((nextTry - Date.now()) / 1000));
  // Only the first showing is announced; the countdown is not read out each second.
  banner.setAttribute("aria-live", banner.hidden ? "polite" : "off");
  words.textContent = `${t("js-offline")} ${t("js-try-in", { s: seconds })}`;
  banner.hidden = false;
  now.hidden = false;
}, 1000);

function back() {
  tries = 0;
  lostAt = 0;
  if (!banner || banner.hidden) return;
  banner.setAttribute("aria-live", "polite");
  words.textContent = t("js-back-online");
  now.hidden = true;
  setTimeout(() => { if (!lostAt) banner.hidden = true; }, 2000);
}

now?.addEventListener("click", connect);
addEventListener("online", connect);

// A page that was out of sight for a minute may hold a connection that has died unnoticed: a new one begins after the
// last event that came, so that nothing lacks and nothing comes twice.
let hiddenAt = 0;
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return (hiddenAt = Date.now());
  if (live() && hiddenAt && Date.now() - hiddenAt > 60_000) {
    socket.onclose = socket.onmessage = null;
    socket.close();
    socket = null;
  }
  connect();
});

/** A short message at the bottom, with a button if there is something to do; one that stays is closed by hand. */
export function toast(text, label, act, stays = false) {
  // An error stays until it is closed by hand, or another takes its place.
  document.querySelector(stays ? ".toast" : ".toast:not([data-stays])")?.remove();
  const box = make("div", { className: "toast", role: "status" }, make("span", { textContent: text }));
  const done = () => {
    box.remove();
    act?.();
  };
  if (label || stays) box.append(make("button", { className: "link", textContent: label ?? t("js-close"), onclick: done }));
  if (stays) {
    box.dataset.stays = "";
  } else {
    const away = () => { if (box.matches(":hover, :focus-within")) setTimeout(away, 1000); else box.remove(); };
    setTimeout(away, label ? 6000 : 5000);
  }
  body.append(box);
  // Above the field where one writes, and above an error that stays.
  const under = [...document.querySelectorAll(".composer, .toast")].filter((it) => it !== box).map((it) => it.getBoundingClientRect().top);
  if (under.length) box.style.bottom = `${innerHeight - Math.min(...under) + 8}px`;
}

// Texts kept in this browser belong to the one who leaves.
document.querySelector("[data-logout]")?.addEventListener("submit", () => {
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith("chater.")) localStorage.removeItem(key);
  } catch { /* nothing is kept then */ }
});
