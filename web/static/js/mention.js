// Names after an @: the members of the chat, above the field. Loaded when the first @ is typed.
import { make, part } from "./app.js";
import { chat } from "./chat.js";
import { t } from "./i18n.js";

const field = document.querySelector("#text");
const list = make("ul", { className: "pop names", id: "names", hidden: true });
list.setAttribute("role", "listbox");
list.setAttribute("aria-label", t("js-names"));
field.form.append(list);
field.setAttribute("aria-autocomplete", "list");
field.setAttribute("aria-controls", "names");

const FRESH_MS = 60_000;
let people = null;
let got = 0;
let shut = -1; // the @ whose list was closed by hand

// The @ before the caret and what follows it, unless it is part of an address.
function typed() {
  const { selectionStart: end, selectionEnd } = field;
  const hit = end === selectionEnd && /(?<![\p{L}\p{N}._@-])@[\p{L}\p{N}._@-]*$/u.exec(field.value.slice(0, end));
  return hit && { from: hit.index, end, q: hit[0].slice(1).toLowerCase() };
}

function close() {
  list.hidden = true;
  field.removeAttribute("aria-activedescendant");
}

function mark(row) {
  for (const it of list.children) it.setAttribute("aria-selected", it === row);
  field.setAttribute("aria-activedescendant", row.id);
  row.scrollIntoView({ block: "nearest" });
}
const marked = () => list.querySelector("[aria-selected=true]");

/** Offers whom what is typed may mean. */
export async function suggest() {
  if (!typed()) {
    shut = -1;
    return close();
  }
  if (Date.now() - got > FRESH_MS) {
    got = Date.now();
    people = part(`/c/${chat}/members`);
  }
  const all = await people;
  if (!all) got = 0;
  const now = typed(); // typed on meanwhile
  if (!all || !now || now.from === shut) return close();
  const fits = all.filter(({ dataset: { name, words } }) => [name, words, ...words.split(/\s+/)].some((it) => it.toLowerCase().startsWith(now.q)));
  if (fits.length === 0) return close();
  list.replaceChildren(...fits.slice(0, 50));
  list.hidden = false;
  mark(list.firstElementChild);
}

function choose(row) {
  const now = typed();
  close();
  if (!now) return;
  field.setRangeText(`@${row.dataset.name} `, now.from, now.end, "end");
  field.focus();
  field.dispatchEvent(new Event("input"));
}

// Before the keys of the field itself.
field.addEventListener("keydown", (event) => {
  if (list.hidden || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  const all = [...list.children];
  if (step) mark(all.at((all.indexOf(marked()) + step) % all.length));
  else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey) choose(marked());
  else if (event.key === "Escape") {
    shut = typed()?.from ?? -1;
    close();
  } else return;
  event.preventDefault();
  event.stopImmediatePropagation();
}, true);
field.addEventListener("blur", close);
field.addEventListener("click", suggest);
list.addEventListener("pointerdown", (event) => event.preventDefault()); // the field keeps the focus
list.addEventListener("click", (event) => {
  const row = event.target.closest("li");
  if (row) choose(row);
});
