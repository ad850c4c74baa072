// Searching inside the open chat: how many, and from one to the next. Loaded when it is first wanted.
import { toast } from "./app.js";
import { chat, items, pane } from "./chat.js";
import { show } from "./lead.js";
import { t } from "./i18n.js";

const bar = pane.querySelector("[data-findbar]");
const field = bar.elements.q;
const line = bar.querySelector("[data-found]");
let hits = [];
let next = null; // more may be found below this message
let at = -1;
let timer = 0;
let asked = 0;

/** Opens the field, with what was looked for selected. */
export function open() {
  bar.hidden = false;
  field.focus();
  field.select();
}

function close() {
  bar.hidden = true;
  items.querySelector(".at")?.classList.remove("at");
  asked += 1;
  (pane.querySelector("#text") ?? pane.querySelector("[data-log]")).focus({ preventScroll: true });
}

function told() {
  const none = hits.length === 0;
  line.textContent = field.value.trim() === "" ? "" : none ? t("js-found-none") : t("js-found-of", { a: at + 1, b: `${hits.length}${next ? "+" : ""}` });
}

async function ask(before) {
  const number = (asked += 1);
  const place = new URL(bar.action);
  place.searchParams.set("q", field.value);
  if (before) place.searchParams.set("before", before);
  try {
    const answer = await fetch(place, { headers: { Accept: "application/json" } });
    const body = await answer.json();
    if (number !== asked) return false; // typed on, or closed
    if (!answer.ok) {
      toast(body.error.message, null, null, true);
      return false;
    }
    hits = before ? [...hits, ...body.ids] : body.ids;
    next = body.next;
    return true;
  } catch {
    return false;
  }
}

async function search() {
  hits = [];
  next = null;
  at = -1;
  if (field.value.trim() === "") {
    asked += 1;
    return told();
  }
  // The newest thousands may hold nothing: on until the end.
  let found = await ask(null);
  while (found && hits.length === 0 && next) found = await ask(next);
  if (found) await step(1);
}

async function step(by) {
  clearTimeout(timer);
  if (by > 0 && at + by >= hits.length && next) await ask(next);
  const to = Math.min(Math.max(at + by, 0), hits.length - 1);
  at = to;
  told();
  if (to >= 0) await show(hits[to]);
}

field.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(search, 250);
});
bar.addEventListener("submit", (event) => {
  event.preventDefault();
  if (hits.length === 0) search();
  else step(1);
});
bar.addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    event.preventDefault();
    close();
  } else if (event.target === field && (event.key === "ArrowUp" || event.key === "ArrowDown" || (event.key === "Enter" && event.shiftKey))) {
    event.preventDefault();
    step(event.key === "ArrowUp" ? 1 : -1);
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape" || event.defaultPrevented || bar.hidden || document.querySelector("dialog[open]")) return;
  event.preventDefault();
  close();
});
bar.querySelector("[data-older]").addEventListener("click", () => step(1));
bar.querySelector("[data-newer]").addEventListener("click", () => step(-1));
bar.querySelector("[data-find-close]").addEventListener("click", close);
