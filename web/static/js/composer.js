// Writing: a message appears at once, is sent until the node has it, and never twice (client_id).
import { live, login, me, nodes, on, post, send } from "./app.js";
import { byClient, chat, put, regroup, toEnd } from "./chat.js";
import { t } from "./i18n.js";
import { localize } from "./time.js";

const form = document.querySelector("[data-composer]");
const field = form?.elements.text;
const errorLine = document.querySelector("[data-error]");
const countLine = document.querySelector("[data-count]");
const bar = document.querySelector("[data-replybar]");
const blank = document.querySelector("#tpl-message");
const LIMIT = 8000;
const touch = matchMedia("(hover: none) and (pointer: coarse)").matches;

// --- kept in this browser -----------------------------------------------------------------
const unsentKey = `chater.unsent.${me}.${chat}`;
const draftKey = `chater.draft.${me}.${chat}`;
const load = (key, otherwise) => {
  try { return JSON.parse(localStorage.getItem(key)) ?? otherwise; } catch { return otherwise; }
};
const save = (key, value) => {
  try {
    if (value.length) localStorage.setItem(key, JSON.stringify(value));
    else localStorage.removeItem(key);
  } catch { /* a full or private store: only this page remembers */ }
};
let queue = load(unsentKey, []);

function newId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `w-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}

// --- sending ------------------------------------------------------------------------------
function show(entry) {
  const item = blank.content.firstElementChild.cloneNode(true);
  const now = new Date(entry.at);
  item.dataset.client = entry.client_id;
  item.dataset.time = String(entry.at);
  item.querySelector(".text").textContent = entry.text;
  item.querySelector("time").dateTime = now.toISOString();
  localize(item);
  item.querySelector("[data-retry]").addEventListener("click", () => again(entry));
  item.querySelector("[data-drop]").addEventListener("click", () => {
    forget(entry);
    item.remove();
    regroup();
  });
  put(item);
  setTimeout(() => item.classList.add("slow"), 400); // a quick answer shows no clock
}

function forget(entry) {
  queue = queue.filter((it) => it.client_id !== entry.client_id);
  save(unsentKey, queue);
}

function again(entry) {
  const item = byClient(entry.client_id);
  item?.classList.remove("fail");
  item?.querySelector(".failrow")?.setAttribute("hidden", "");
  if (!queue.some((it) => it.client_id === entry.client_id)) queue.push(entry);
  save(unsentKey, queue);
  flush();
}

function refuse(entry, why) {
  forget(entry); // tried again only when asked
  const item = byClient(entry.client_id);
  if (!item) return;
  item.classList.add("fail");
  item.querySelector("[data-why]").textContent = `${t("js-not-sent")}. ${why}`;
  item.querySelector(".failrow").hidden = false;
}

let busy = false;
let pause = 0;

/** Sends what waits, one after another, so that the order stays. */
async function flush() {
  if (busy) return;
  busy = true;
  clearTimeout(pause);
  while (queue.length > 0) {
    const [entry] = queue;
    const { client_id, text, reply_to } = entry;
    const answer = await post(`/c/${chat}/messages`, { client_id, text, reply_to });
    if (!answer) {
      byClient(client_id)?.querySelector(".tick")?.closest(".meta")?.setAttribute("title", t("js-waits-here"));
      later(5);
      break;
    }
    if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) {
      login();
      break;
    }
    const body = await answer.json().catch(() => null);
    if (answer.ok && body) {
      forget(entry);
      const [item] = nodes(body.html);
      if (item) {
        item.dataset.client = client_id;
        put(item);
      }
    } else if (answer.status === 429 || answer.status >= 500) {
      later(Number(answer.headers.get("Retry-After")) || 5);
      break;
    } else {
      refuse(entry, body?.error?.message ?? "");
    }
  }
  busy = false;
}

function later(seconds) {
  clearTimeout(pause);
  pause = setTimeout(flush, seconds * 1000);
}
on("open", flush);
addEventListener("online", flush);

function submit() {
  const text = field.value.replace(/\r\n?/g, "\n");
  if (text.trim() === "") return;
  if ([...text].length > LIMIT) return grown();
  const entry = { client_id: newId(), text, reply_to: form.elements.reply_to.value, at: Date.now() };
  queue.push(entry);
  save(unsentKey, queue);
  field.value = "";
  errorLine.textContent = "";
  answer(null);
  keepDraft(true);
  typing(false);
  grown();
  show(entry);
  toEnd();
  flush();
  field.focus();
}

// --- the draft ----------------------------------------------------------------------------
let draftTimer = 0;
let saved = field?.value ?? "";

// At once in this browser, half a second later on the node.
function keepDraft(soon) {
  save(draftKey, field.value);
  clearTimeout(draftTimer);
  draftTimer = setTimeout(() => {
    if (field.value === saved) return;
    saved = field.value;
    post(`/c/${chat}/draft`, { text: saved });
  }, soon ? 0 : 500);
}

// --- typing -------------------------------------------------------------------------------
let told = 0;
function typing(now) {
  if (!live()) return;
  if (now && Date.now() - told > 3000) {
    told = Date.now();
    send("typing", { chat_id: chat, on: true });
  } else if (!now && told) {
    told = 0;
    send("typing", { chat_id: chat, on: false });
  }
}

// --- the field ----------------------------------------------------------------------------
function grown() {
  if (!CSS.supports("field-sizing", "content")) {
    field.style.height = "auto";
    field.style.height = `${Math.min(field.scrollHeight, 206)}px`;
  }
  const left = LIMIT - [...field.value].length;
  countLine.textContent = left > 500 ? "" : left >= 0 ? t("js-left-count", { n: left }) : `−${-left}`;
}

/** The bar above the field: which message is answered, or none. */
function answer(item) {
  form.elements.reply_to.value = item?.dataset.id ?? "";
  bar.hidden = !item;
  bar.querySelector("[data-reply-author]").textContent = item?.dataset.name ?? "";
  bar.querySelector("[data-reply-line]").textContent = item?.querySelector(".text")?.textContent ?? "";
  if (item) field.focus();
}

// Ctrl ↑ and ↓ go through the messages that can be answered.
function choose(step) {
  const all = [...document.querySelectorAll("li.msg[data-id]")].filter((item) => item.querySelector("[data-reply]"));
  const now = all.findIndex((item) => item.dataset.id === form.elements.reply_to.value);
  const to = now < 0 ? (step < 0 ? all.length - 1 : -1) : now + step;
  answer(all[to] ?? null);
  all[to]?.scrollIntoView({ block: "nearest" });
}

if (form) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  field.addEventListener("input", () => {
    grown();
    keepDraft(false);
    typing(field.value !== "");
  });
  field.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey && (!(touch || "ctrlEnter" in document.body.dataset) || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      submit();
    } else if (event.ctrlKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      choose(event.key === "ArrowUp" ? -1 : 1);
    } else if (event.key === "Escape" && !bar.hidden) {
      event.preventDefault();
      answer(null);
    }
  });
  bar.querySelector("[data-reply-cancel]").addEventListener("click", (event) => {
    event.preventDefault();
    answer(null);
    field.focus();
  });
  document.querySelector("[data-items]").addEventListener("click", (event) => {
    const link = event.target.closest("a[data-reply]");
    if (!link || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    answer(link.closest("li.msg"));
  });
  if (field.value === "") field.value = load(draftKey, "");
  queue.forEach(show);
  if (queue.length > 0) flush();
  grown();
  if (!touch && !location.hash.startsWith("#m-")) field.focus({ preventScroll: true });
}
