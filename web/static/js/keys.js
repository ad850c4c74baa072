// Shortcuts of every page. A letter is its meaning, or its place on a layout without Latin letters.
/** Whether Ctrl or ⌘ alone is held. */
export const ctrl = (event) => (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
/** Whether an event means a letter. */
export const is = (event, key, code) => event.key.toLowerCase() === key || (!/^[a-z/]$/i.test(event.key) && event.code === code);

// The page of the search has its field at hand; over all others it opens as a dialog.
async function quick(typed) {
  const input = document.querySelector("main [data-search] input[type=search]");
  if (!input) return (await import("./quick.js")).quick(typed);
  input.focus();
  input.select();
}
const field = document.querySelector("[data-quick]");
// What is typed into the field of the list goes there, also the letters that come while it opens.
let opening = false;
field?.addEventListener("input", async (event) => {
  if (event.isComposing || !field.value || opening) return;
  opening = true;
  await quick(field);
  opening = false;
});

const unread = (card) => Number(card.closest("li").dataset.unread) > 0;
function chat(step, fits = () => true) {
  const cards = [...document.querySelectorAll("[data-cards] a.card")];
  const at = cards.findIndex((card) => card.hasAttribute("aria-current"));
  const above = cards.slice(0, at < 0 ? cards.length : at);
  // What is unread rises: after the last card it is looked for from the top.
  const rest = step > 0 ? [...cards.slice(at + 1), ...(fits === unread ? above : [])] : above.reverse();
  rest.find(fits)?.click();
}

document.addEventListener("keydown", async (event) => {
  if (event.isComposing || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  if (ctrl(event) && is(event, "k", "KeyK")) {
    event.preventDefault();
    quick();
  } else if (ctrl(event) && is(event, "/", "Slash")) {
    event.preventDefault();
    (await import("./quick.js")).keys();
  } else if (event.altKey && !event.ctrlKey && !event.metaKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    if (!document.querySelector("[data-cards]") || (event.shiftKey && event.key === "ArrowUp")) return;
    event.preventDefault();
    chat(event.key === "ArrowDown" ? 1 : -1, event.shiftKey ? unread : undefined);
  } else if (event.key === "Escape" && document.activeElement === field) {
    document.querySelector("#text")?.focus();
  }
});

// Arrows move between cards; Tab leaves the list: one card is its stop, with what can be done with it.
const list = document.querySelector("[data-cards]");
let stop = document.querySelector("[data-cards] [aria-current]")?.closest("li").dataset.chat;
function rove() {
  const all = [...list.querySelectorAll("li[data-chat]")];
  const at = all.find((item) => item.dataset.chat === stop) ?? all[0];
  for (const item of all) for (const link of item.querySelectorAll("a")) link.tabIndex = item === at ? 0 : -1;
}
list?.addEventListener("focusin", (event) => {
  stop = event.target.closest("li")?.dataset.chat ?? stop;
  rove();
});
if (list) {
  new MutationObserver(rove).observe(list, { childList: true });
  rove();
}
list?.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.altKey || event.ctrlKey) return;
  const cards = [...event.currentTarget.querySelectorAll("a:not([data-opts])")];
  const next = cards[cards.indexOf(document.activeElement) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
});
