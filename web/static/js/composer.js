// Writing: a message appears at once, is sent until the node has it, and never twice (client_id).
import { live, login, me, nodes, on, post, send, toast } from "./app.js";
import { byClient, chat, cut, drop, messages, put, toEnd } from "./chat.js";
import { t } from "./i18n.js";
import { localize } from "./time.js";

const form = document.querySelector("[data-composer]");
const field = form?.elements.text;
const errorLine = document.querySelector("[data-error]");
const countLine = document.querySelector("[data-count]");
const bar = document.querySelector("[data-replybar]");
const authorLine = bar?.querySelector("[data-reply-author]");
const textLine = bar?.querySelector("[data-reply-line]");
const sendButton = form?.querySelector(".send");
const sendName = sendButton?.getAttribute("aria-label");
const blank = document.querySelector("#tpl-message");
const LIMIT = 8000;
const EDIT_MS = 48 * 3_600_000;
const touch = matchMedia("(hover: none) and (pointer: coarse)").matches;

// --- kept in this browser
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

const newId = () => `w-${crypto.getRandomValues(new Uint32Array(4)).join("-")}`;

// --- sending
function show(entry) {
  const item = blank.content.firstElementChild.cloneNode(true);
  item.dataset.client = entry.client_id;
  item.dataset.time = String(entry.at);
  const text = item.querySelector(".text");
  text.textContent = entry.text;
  text.classList.toggle("big", /^(\p{RGI_Emoji} *){1,3}$/v.test(entry.text.trim()));
  if (entry.quote) {
    const quote = item.querySelector("[data-quote]");
    quote.hidden = false;
    quote.dataset.quote = entry.reply_to;
    quote.href = `/c/${chat}?at=${entry.reply_to}`;
    quote.querySelector("b").textContent = entry.quote[0];
    quote.querySelector("span").textContent = entry.quote[1];
  }
  item.querySelector("time").dateTime = new Date(entry.at).toISOString();
  localize(item);
  item.querySelector("[data-retry]").addEventListener("click", () => again(entry));
  item.querySelector("[data-drop]").addEventListener("click", () => {
    forget(entry);
    drop(item);
    field.focus();
  });
  put(item);
  if (entry.failed) failed(item, entry.failed);
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
  delete entry.failed;
  save(unsentKey, queue);
  flush();
}

// Tried again only when asked; kept until then, also over a reload.
function refuse(entry, why) {
  entry.failed = why;
  save(unsentKey, queue);
  failed(byClient(entry.client_id), entry.failed);
}

function failed(item, why) {
  if (!item) return;
  item.classList.add("fail");
  item.querySelector("[data-why]").textContent = `${t("js-not-sent")}. ${why}`;
  item.querySelector(".failrow").hidden = false;
}

// Why the node did not take something. What stands before it (a proxy) refuses without its words.
const reason = (body, status) => body?.error?.message ?? t(status === 413 ? "js-too-large" : status < 500 ? "js-failed" : "js-silent");

// The session that this page belongs to has ended.
const over = ({ type, status }, body) => type === "opaqueredirect" || status === 401 || (status === 403 && !body);

let busy = false;
let pause = 0;
let told429 = false; // one toast for a row of refusals

/** Sends what waits, one after another, so that the order stays. */
async function flush() {
  if (busy) return;
  busy = true;
  clearTimeout(pause);
  for (let entry; (entry = queue.find((it) => !it.failed)); ) {
    const { client_id, text, reply_to } = entry;
    const answer = await post(`/c/${chat}/messages`, { client_id, text, reply_to });
    if (!answer) {
      later(5);
      break;
    }
    const body = await answer.json().catch(() => null);
    if (over(answer, body)) {
      login();
      break;
    }
    if (answer.ok && body) {
      forget(entry);
      told429 = false;
      for (const item of nodes(body.html)) {
        item.dataset.client = client_id;
        put(item);
      }
    } else if (answer.status === 429 || answer.status >= 500) {
      if (!told429) toast(body?.error?.message ?? t("js-offline"), null, null, true);
      told429 = true;
      later(Number(answer.headers.get("Retry-After")) || 5);
      break;
    } else {
      const why = reason(body, answer.status);
      toast(why);
      refuse(entry, why);
    }
  }
  busy = false;
}

function later(seconds) {
  clearTimeout(pause);
  pause = setTimeout(flush, seconds * 1000);
}
on("open", flush);
// The node told of it by the socket before its answer came, or instead of it.
on("message", (frame) => frame.own && frame.client_id && forget(frame));
addEventListener("online", flush);

function submit() {
  const text = field.value.replace(/\r\n?/g, "\n");
  if (text.trim() === "") return;
  if ([...text].length > LIMIT) return errorLine.textContent = field.dataset.long;
  if (edited) return saveEdit(text);
  const reply_to = form.elements.reply_to.value;
  const quote = reply_to && [authorLine.textContent, textLine.textContent.slice(0, 160)];
  const entry = { client_id: newId(), text, reply_to, quote, at: Date.now() };
  queue.push(entry);
  save(unsentKey, queue);
  field.value = "";
  errorLine.textContent = "";
  answer(null);
  keepDraft(true);
  typing(false);
  grown();
  if (cut()) return location.assign(`/c/${chat}?at=end`); // the newest page sends it
  show(entry);
  toEnd();
  flush();
  field.focus();
}

// --- changing an own message
let edited = null;
let parked = ""; // what was typed before

/** What a message says, as it was typed. */
export function typedText(item) {
  const text = item.querySelector(".text");
  return text?.dataset.raw ?? text?.textContent ?? "";
}
/** Whether a message can be changed: own, 48 hours. */
export const canEdit = (item) => item.matches(".me[data-id]") && item.querySelector(".text") !== null && Date.now() - Number(item.dataset.time) < EDIT_MS;

/** Puts an own message into the field. */
export function edit(item) {
  if (!form || !canEdit(item)) return;
  if (!edited) parked = field.value;
  answer(item);
  form.elements.reply_to.value = "";
  authorLine.textContent = bar.dataset.editing;
  edited = item.dataset.id;
  field.value = typedText(item);
  button(true);
  grown();
}

function button(saves) {
  sendButton.setAttribute("aria-label", saves ? sendButton.dataset.save : sendName);
  sendButton.querySelector("use").setAttribute("href", saves ? "#i-done" : "#i-send");
  sendButton.classList.toggle("save", saves);
}

function endEdit() {
  if (!edited) return;
  edited = null;
  field.value = parked;
  button(false);
  grown();
}

/** Posts a change of a message and shows it as it is then. Whether the node took it. */
export async function change(url, fields) {
  const found = await post(url, fields);
  const body = found?.status === 204 ? {} : await found?.json().catch(() => null);
  if (found && over(found, body)) return login();
  if (!found?.ok || !body) return toast(reason(body, found?.status), null, null, true);
  for (const item of nodes(body.html ?? "")) put(item);
  return true;
}

async function saveEdit(text) {
  if (await change(`/c/${chat}/m/${edited}/edit`, { text })) answer(null);
}

// --- the draft
let draftTimer = 0;
let saved = field?.value ?? "";

// At once in this browser, half a second later on the node.
function keepDraft(soon) {
  if (edited) return;
  save(draftKey, field.value);
  clearTimeout(draftTimer);
  draftTimer = setTimeout(() => {
    if (field.value === saved) return;
    const text = field.value;
    post(`/c/${chat}/draft`, { text }).then((answer) => answer?.ok && (saved = text));
  }, soon ? 0 : 500);
}

// --- typing
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

// --- the field
function grown() {
  if (!CSS.supports("field-sizing", "content")) {
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`; // the style bounds it
  }
  const left = LIMIT - [...field.value].length;
  field.setAttribute("aria-invalid", String(left < 0));
  if (left >= 0 && errorLine.textContent === field.dataset.long) errorLine.textContent = "";
  countLine.textContent = left > 500 ? "" : left >= 0 ? t("js-left-count", { n: left }) : `−${-left}`;
}

/** The bar above the field: which message is answered, or none. */
export function answer(item) {
  if (!form) return;
  endEdit();
  form.elements.reply_to.value = item?.dataset.id ?? "";
  bar.hidden = !item;
  authorLine.textContent = item?.dataset.name ?? "";
  textLine.textContent = item ? typedText(item) : "";
  if (item) field.focus();
}

// Ctrl ↑ and ↓ go through the messages that can be answered.
function choose(step) {
  const all = messages().filter((item) => item.dataset.id && item.querySelector(".text"));
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
    if (field.value.includes("@")) import("./mention.js").then((it) => it.suggest());
  });
  field.addEventListener("keydown", (event) => {
    if (event.isComposing || event.keyCode === 229) return;
    if (event.key === "Enter" && !event.shiftKey && !event.altKey && (!(touch || "ctrlEnter" in document.body.dataset) || event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      submit();
    } else if (event.ctrlKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
      event.preventDefault();
      choose(event.key === "ArrowUp" ? -1 : 1);
    } else if (event.key === "ArrowUp" && field.value === "" && !("noUp" in document.body.dataset) && !event.altKey && !event.shiftKey) {
      const last = messages().findLast(canEdit);
      if (!last) return;
      event.preventDefault();
      edit(last);
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
  const smile = form.querySelector("[data-emoji]");
  smile.hidden = false;
  smile.addEventListener("click", async () => (await import("./emoji.js")).pick(smile, (emoji) => {
    field.setRangeText(emoji, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input"));
    field.focus();
  }));
  if (field.value === "") field.value = load(draftKey, "");
  // What waits to be sent is no draft any more, also where the node was not told in time.
  if (queue.some((entry) => entry.text === field.value)) field.value = "";
  queue.forEach(show);
  if (queue.length > 0) flush();
  grown();
}
if (!location.hash.startsWith("#m-")) (touch || !form ? document.querySelector("main h1") : field).focus({ preventScroll: true });
