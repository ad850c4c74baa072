// What can be done with one message: the bar beside it, its menu, long press, keys; the dialogs that follow.
import { on, part, toast } from "./app.js";
import { byId, chat, drop, items, log, messages, pane } from "./chat.js";
import { answer, canEdit, change, edit, typedText } from "./composer.js";
import { t } from "./i18n.js";
import { ctrl, is } from "./keys.js";
import { popup, tame } from "./popup.js";
import { localize } from "./time.js";

const bar = pane.querySelector("[data-bar]");
const menu = pane.querySelector("[data-menu]");
const ways = pane.querySelector("[data-path-dialog]");
const asks = pane.querySelector("[data-delete-dialog]");
const sends = pane.querySelector("[data-forward-dialog]");
let target = null; // the message that the menu or a dialog is about

const place = (item) => `/c/${chat}/m/${item.dataset.id}`;
const says = (item) => item.querySelector(".text") !== null;
const own = (item) => item.classList.contains("me");
const allowed = { edit: canEdit, path: own, reply: says, react: says, copy: says, forward: says };
const can = (item, name) => allowed[name]?.(item) ?? true;

// --- the acts
const given = (item, emoji) => item.querySelector(`.react[name=drop][value="${CSS.escape(emoji)}"]`) !== null;
const react = (item, emoji) => change(`${place(item)}/react`, { [given(item, emoji) ? "drop" : "add"]: emoji });

async function opened(dialog, slot, href) {
  const found = await part(href);
  if (!found) return location.assign(href);
  found.forEach(localize);
  dialog.querySelector(slot).replaceChildren(...found);
  dialog.showModal();
}

const acts = {
  reply: answer,
  copy: async (item) => (await import("./copy.js")).copyText(typedText(item)),
  edit,
  react: (item) => open(item),
  menu: (item) => open(item),
  async forward(item) {
    await opened(sends, "[data-forward-body]", `${place(item)}/forward`);
    (await import("./forward.js")).filter(sends);
  },
  path: (item) => opened(ways, "[data-path-body]", `/c/${chat}/path/${item.dataset.id}`),
  pick: async (item) => (await import("./emoji.js")).pick(item.querySelector(".b"), (emoji) => react(item, emoji)),
  delete(item) {
    const all = own(item) && !item.querySelector(".gone");
    asks.querySelector("[data-all-hint]").hidden = !all;
    asks.querySelector("[data-scope=all]").hidden = !all;
    asks.showModal();
  },
};

function act(item, name) {
  if (!item?.dataset.id || !can(item, name)) return;
  target = item;
  acts[name](item);
}

function open(item, beside = item.querySelector(".b")) {
  target = item;
  for (const button of menu.querySelectorAll("[data-do]")) {
    button.hidden = !can(item, button.dataset.do);
  }
  menu.querySelector(".emo").hidden = !says(item);
  for (const button of menu.querySelectorAll("[data-emo]")) button.setAttribute("aria-pressed", given(item, button.dataset.emo));
  popup(menu, beside.getBoundingClientRect());
}

// --- menu and dialogs; a row of the emoji picker has seven
for (const dialog of pane.querySelectorAll("dialog")) tame(dialog, dialog.matches(".picker") ? 7 : 1);
menu.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  menu.close();
  const item = byId(target.dataset.id);
  if (!item) return;
  if (button.dataset.emo) react(item, button.dataset.emo);
  else act(item, button.dataset.do);
});
asks.addEventListener("click", async (event) => {
  const scope = event.target.closest("[data-scope]")?.dataset.scope;
  if (!scope && !event.target.closest("[data-close]")) return;
  asks.close();
  const item = scope && byId(target.dataset.id);
  if (!item || !(await change(`${place(item)}/delete`, { scope })) || scope !== "me") return;
  drop(byId(item.dataset.id));
  toast(t("js-deleted"), t("js-undo"), () => change(`${place(item)}/restore`, {}));
});

// --- the bar beside a message
function beside(item) {
  if (!item?.dataset.id || item.contains(bar)) return;
  for (const button of bar.children) button.hidden = !can(item, button.dataset.do);
  item.append(bar);
  bar.hidden = false;
}
const hovers = matchMedia("(hover: hover)").matches;
pane.classList.toggle("hovers", hovers);
if (hovers) items.addEventListener("pointerover", (event) => beside(event.target.closest("li.msg")));
items.addEventListener("focusin", (event) => beside(event.target.closest("li.msg")));

items.addEventListener("click", async (event) => {
  if (event.ctrlKey || event.metaKey) return;
  const item = event.target.closest("li.msg");
  const hit = (what) => event.target.closest(what);
  const button = hit("[data-do]");
  const chip = hit(".react");
  const quote = hit("[data-quote]");
  if (!button && !chip && !quote && !hit("[data-opts], a[data-path]")) return;
  event.preventDefault();
  if (button) act(item, button.dataset.do);
  else if (chip) react(item, chip.value);
  else if (hit("[data-opts]")) open(item, hit("[data-opts]"));
  else if (quote) (await (await import("./lead.js")).show(quote.dataset.quote)) ? byId(quote.dataset.quote)?.focus({ preventScroll: true }) : location.assign(quote.href);
  else act(item, "path");
});

// --- long press
let press = 0;
let from = null;
const release = () => clearTimeout(press);
function swallow(event) {
  event.preventDefault();
  event.stopPropagation();
}
items.addEventListener("pointerdown", (event) => {
  release();
  const item = event.target.closest("li.msg[data-id]");
  if (event.pointerType !== "touch" || !item || event.target.closest("button, a")) return;
  from = event;
  press = setTimeout(() => {
    open(item);
    // Its end is no click on what opened below the finger.
    addEventListener("click", swallow, true);
    addEventListener("pointerdown", () => removeEventListener("click", swallow, true), { once: true });
  }, 500);
});
items.addEventListener("pointermove", (event) => from && Math.hypot(event.x - from.x, event.y - from.y) > 10 && release());
for (const end of ["pointerup", "pointercancel"]) items.addEventListener(end, release);
// The right button of a mouse stays the browser's.
items.addEventListener("contextmenu", (event) => event.pointerType === "touch" && event.preventDefault());

// --- keys
const seen = (item) => {
  const box = item.getBoundingClientRect();
  const view = log.getBoundingClientRect();
  return box.bottom > view.top && box.top < view.bottom;
};

log.addEventListener("keydown", async (event) => {
  if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const item = event.target.closest("li.msg");
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (event.key === "End") return pane.querySelector("[data-bottom]").click();
  if (event.key === "Home") return event.preventDefault(), (await import("./lead.js")).toStart();
  if (step) {
    // From the log into it; then from message to message.
    const all = messages();
    const next = item ? all[all.indexOf(item) + step] : step < 0 ? all.findLast(seen) : all.find(seen);
    if (!next) return;
    event.preventDefault();
    next.focus({ preventScroll: true });
    return next.scrollIntoView({ block: "nearest" });
  }
  if (event.key === "Escape" && item) {
    event.preventDefault();
    return pane.querySelector("#text")?.focus();
  }
  if (event.target !== item || !item) return;
  const letter = is(event, "r", "KeyR") ? "reply" : is(event, "e", "KeyE") ? "edit" : "";
  const name = letter || { Delete: "delete", "+": "react", Enter: "menu" }[event.key];
  if (!name) return;
  event.preventDefault();
  act(item, name);
});

// --- the menu of the chat
const more = pane.querySelector("[data-chatmenu]");
document.addEventListener("click", (event) => more.contains(event.target) || more.removeAttribute("open"));
more.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || !more.open) return;
  event.preventDefault();
  more.open = false;
  more.querySelector("summary").focus();
});
on("gone", (frame) => frame.id === target?.dataset.id && menu.close());

// --- search in the chat and its details: loaded when they are first wanted
const find = async () => (await import("./find.js")).open();
const details = () => import("./details.js");
const wide = matchMedia("(min-width: 1100px)");
document.addEventListener("click", async (event) => {
  const link = event.target.closest("a[data-find], a[data-info]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const about = "info" in link.dataset;
  if (about && !wide.matches) return; // a page of its own
  event.preventDefault();
  more.open = false;
  if (about) (await details()).toggle();
  else find();
});
document.addEventListener("keydown", (event) => {
  // A second Ctrl F is the browser's own search.
  if (!ctrl(event) || !is(event, "f", "KeyF") || document.activeElement.id === "find" || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  find();
});
// Where there is room for a third column the details stay open from chat to chat.
try {
  if (matchMedia("(min-width: 1440px)").matches && localStorage.getItem("chater.details")) details().then((it) => it.open(false));
} catch { /* nothing is remembered then */ }
