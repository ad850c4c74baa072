// A conversation that is open: messages come, change and get their marks; what is being read stays where it is.
import { live, me, nodes, on, part, post, send } from "./app.js";
import { t } from "./i18n.js";
import { group } from "./runs.js";
import { localize } from "./time.js";

const pane = document.querySelector("main[data-chat]");
export const chat = pane.dataset.chat;
const log = pane.querySelector("[data-log]");
const items = pane.querySelector("[data-items]");
const jump = pane.querySelector("[data-bottom]");
const jumpCount = pane.querySelector("[data-bottom-count]");
const KEEP = 300;
const RANK = { sending: 0, stored: 1, delivered: 2, read: 3, failed: 4 };
const jumpName = jump.getAttribute("aria-label");
let below = 0;

const messages = () => [...items.querySelectorAll("li.msg")];
const byId = (id) => items.querySelector(`li[data-id="${CSS.escape(id)}"]`);
/** The item of a client id. */
export const byClient = (id) => items.querySelector(`li[data-client="${CSS.escape(id)}"]`);
const atEnd = () => Math.abs(log.scrollTop) < 100 && !("hasNewer" in log.dataset);

/** Lays out runs and days anew. */
export const regroup = () => group(items, messages());

// --- keeping the line being read in place -------------------------------------------------
function keep(change) {
  if (log.scrollTop === 0 && !("hasNewer" in log.dataset)) return change(); // at the end one stays there
  const top = log.getBoundingClientRect().top;
  const anchor = messages().find((item) => item.getBoundingClientRect().bottom > top);
  const was = anchor?.getBoundingClientRect().top;
  change();
  if (anchor?.isConnected) log.scrollBy(0, anchor.getBoundingClientRect().top - was);
}

/** Scrolls to the newest message. */
export function toEnd() {
  log.scrollTop = 0;
  below = 0;
  shown();
}

function shown() {
  const end = atEnd();
  if (end) below = 0;
  jump.hidden = end;
  jumpCount.hidden = below === 0;
  jumpCount.textContent = below > 99 ? "99+" : String(below);
  jump.setAttribute("aria-label", below ? `${jumpName}, ${t("js-new-count", { n: below })}` : jumpName);
}

// --- messages -----------------------------------------------------------------------------
const early = new Map(); // marks that came before their message

// In a chat with one person of another node the words name that node.
function words(item) {
  const { state } = item.dataset;
  const named = { stored: "js-state-stored-for", delivered: "js-state-delivered-to" }[state];
  const line = item.querySelector("[data-state-text]");
  if (line) line.textContent = pane.dataset.node && named ? t(named, { a: pane.dataset.node }) : t(`js-state-${state}`);
}

// While the other node is away, the last own message says that it waits.
function waits() {
  const last = messages().findLast((item) => item.classList.contains("me"));
  const due = "away" in pane.dataset && last?.dataset.state === "stored" && !("hasNewer" in log.dataset);
  const old = items.querySelector("[data-waits]");
  if (!due) return old?.remove();
  if (old) return;
  const note = document.createElement("li");
  note.className = "note";
  note.dataset.note = "";
  note.dataset.waits = "";
  note.textContent = pane.dataset.awayText;
  keep(() => items.append(note));
}

function mark(item, state) {
  if ((RANK[state] ?? 0) <= (RANK[item.dataset.state] ?? 0)) return;
  item.dataset.state = state;
  const tick = item.querySelector(".tick");
  tick?.setAttribute("class", `tick ${state}`);
  tick?.querySelector("use")?.setAttribute("href", `#t-${state === "read" ? "delivered" : state}`);
  words(item);
  item.classList.toggle("fail", state === "failed");
  waits();
}

// Below the messages stand notes and the link to later pages.
function append(item) {
  const foot = messages().at(-1)?.nextElementSibling ?? [...items.children].find((it) => it.matches("[data-note]"));
  items.insertBefore(item, foot ?? null);
}

/** Puts a drawn message in: in place of the same one, else at the end. */
export function put(item) {
  const { id, client } = item.dataset;
  const old = (id && byId(id)) || (client && byClient(client));
  localize(item);
  if (item.classList.contains("me") && id) words(item);
  if (early.has(id)) {
    mark(item, early.get(id));
    early.delete(id);
  }
  const known = old?.dataset.state;
  if (old) {
    keep(() => {
      old.replaceWith(item);
      if (known && known !== "failed") mark(item, known);
      regroup();
    });
    watch(item);
    waits();
    return;
  }
  if ("hasNewer" in log.dataset) return; // not part of this page; the button leads there
  const follow = atEnd() || item.classList.contains("me");
  items.querySelector("[data-blank]")?.remove();
  const change = () => {
    append(item);
    regroup();
  };
  if (follow) {
    change();
    toEnd();
    trim("before");
  } else {
    keep(change);
    below += 1;
    shown();
  }
  watch(item);
  waits();
}

on("message", (frame) => {
  if (frame.chat_id !== chat) return;
  const own = frame.own === true;
  const known = byId(frame.id) !== null;
  const [item] = nodes(frame.html);
  if (!item) return;
  // Own messages are not read back, changed ones neither.
  if (own || known) log.setAttribute("aria-live", "off");
  put(item);
  if (own || known) setTimeout(() => log.removeAttribute("aria-live"), 50);
  if (!own) typed(item.dataset.author, "", false);
});

on("state", (frame) => {
  if (frame.chat_id !== chat) return;
  for (const id of frame.ids) {
    const item = byId(id);
    if (item) mark(item, frame.state);
    else if (early.size < 512) early.set(id, frame.state);
  }
});

// --- history ------------------------------------------------------------------------------
// One line above what was new when the chat was opened, wherever its first message turns up.
const line = items.querySelector(".newline");
const readTo = Number(pane.dataset.readN);
let fetching = false;

async function history(foot) {
  if (fetching || !foot.isConnected) return;
  fetching = true;
  const where = foot.dataset.more;
  const found = await part(foot.querySelector("a").href);
  fetching = false;
  if (!found) return;
  log.setAttribute("aria-busy", "true");
  const known = new Set(messages().map((item) => item.dataset.id));
  // The page links of the other side belong to its other neighbour, which is here already.
  const fresh = found.filter((item) => !known.has(item.dataset.id) && !item.matches(".newline") && (!item.dataset.more || item.dataset.more === where));
  keep(() => {
    foot.replaceWith(...fresh);
    localize(items);
    if (line) messages().find((item) => !item.matches(".me") && Number(item.dataset.n) > readTo)?.before(line);
    trim(where === "before" ? "after" : "before");
    regroup();
  });
  if (where === "after" && !items.querySelector("[data-more=after]")) delete log.dataset.hasNewer;
  log.removeAttribute("aria-busy");
  fresh.filter((item) => item.matches(".msg")).forEach(watch);
  ends();
  shown();
}

// At most 300 stay in the page; the far side gets its link again.
function trim(where) {
  const all = messages();
  const many = all.length - KEEP;
  if (many <= 0) return;
  const gone = where === "before" ? all.slice(0, many) : all.slice(-many);
  if (gone.some((item) => !item.dataset.id)) return;
  const stays = where === "before" ? all[many] : all[all.length - many - 1];
  if (!stays.dataset.id) return;
  gone.forEach((item) => item.remove());
  let foot = items.querySelector(`[data-more=${where}]`);
  if (!foot) {
    foot = document.createElement("li");
    foot.className = "more";
    foot.dataset.more = where;
    foot.append(document.createElement("a"));
    if (where === "before") items.prepend(foot);
    else stays.after(foot);
  }
  foot.querySelector("a").href = `/c/${chat}?${where}=${stays.dataset.id}`;
  if (where === "after") log.dataset.hasNewer = "";
  ends();
}

const near = new IntersectionObserver(
  (seen) => seen.forEach((it) => it.isIntersecting && history(it.target)),
  { root: log, rootMargin: "400px 0px" },
);
function ends() {
  near.disconnect();
  for (const foot of items.querySelectorAll("[data-more]")) near.observe(foot);
}

// --- reading ------------------------------------------------------------------------------
const visible = new Set();
let reported = 0;
let readTimer = 0;

const looking = new IntersectionObserver((seen) => {
  for (const it of seen) it.isIntersecting ? visible.add(it.target) : visible.delete(it.target);
  report();
}, { root: log, threshold: 0.5 });

function watch(item) {
  if (!item.classList.contains("me")) looking.observe(item);
}

function report() {
  clearTimeout(readTimer);
  readTimer = setTimeout(() => {
    if (document.hidden || !document.hasFocus()) return;
    let newest = null;
    for (const item of visible) {
      if (!item.isConnected) visible.delete(item);
      else if (Number(item.dataset.n) > Number(newest?.dataset.n ?? 0)) newest = item;
    }
    const n = Number(newest?.dataset.n ?? 0);
    if (n <= reported) return;
    reported = n;
    const read = { chat_id: chat, message_id: newest.dataset.id };
    if (live()) send("read", read);
    else post(`/c/${chat}/read`, read).then((answer) => { if (!answer?.ok) reported = 0; });
  }, 300);
}
addEventListener("focus", report);
document.addEventListener("visibilitychange", report);

// --- who types, who is there --------------------------------------------------------------
const typing = pane.querySelector("[data-typing]");
const typers = new Map();

function typed(user, name, now) {
  if (user === me) return;
  clearTimeout(typers.get(user)?.timer);
  typers.delete(user);
  if (now) typers.set(user, { name, timer: setTimeout(() => typed(user, name, false), 6000) });
  const names = [...typers.values()].map((it) => it.name);
  const key = ["", "js-typing-one", "js-typing-two"][names.length] ?? "js-typing-many";
  typing.querySelector("[data-typing-text]").textContent = key && t(key, { a: names[0], b: names[1] });
  typing.hidden = names.length === 0;
}
on("typing", (frame) => frame.chat_id === chat && typed(frame.user_id, frame.name, frame.on));

on("presence", (frame) => {
  const place = pane.querySelector("[data-presence]");
  if (place?.dataset.person !== frame.user_id) return;
  place.textContent = `· ${frame.online ? place.dataset.on : place.dataset.off}`;
  pane.querySelector(".chat-top .av")?.classList.toggle("on", frame.online);
  pane.toggleAttribute("data-away", !frame.online);
  waits();
});

// --- the way of a message -----------------------------------------------------------------
const dialog = pane.querySelector("[data-path-dialog]");
items.addEventListener("click", async (event) => {
  const quote = event.target.closest("[data-quote]");
  const target = quote && byId(quote.dataset.quote);
  if (target) {
    event.preventDefault();
    target.scrollIntoView({ block: "center" });
    target.focus({ preventScroll: true });
    return;
  }
  const link = event.target.closest("a[data-path]");
  if (!link || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const found = await part(link.href);
  if (!found) return location.assign(link.href);
  found.forEach(localize);
  dialog.querySelector("[data-path-body]").replaceChildren(...found);
  dialog.showModal();
});

jump.addEventListener("click", (event) => {
  if ("hasNewer" in log.dataset) return; // the link loads the newest page
  event.preventDefault();
  toEnd();
});
log.addEventListener("scroll", shown, { passive: true });
log.addEventListener("keydown", (event) => {
  if (event.key === "End" && !event.target.matches("textarea")) toEnd();
});

// --- opening ------------------------------------------------------------------------------
regroup();
if (location.hash.length > 2 || items.querySelector(".msg.at")) {
  items.querySelector(".msg.at")?.scrollIntoView({ block: "center" });
} else if (line) {
  const box = log.getBoundingClientRect();
  log.scrollBy(0, line.getBoundingClientRect().top - box.top - box.height / 3);
}
messages().forEach(watch);
ends();
shown();
