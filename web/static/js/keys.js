// Shortcuts of every page. A letter is its meaning, or its place on a layout without Latin letters.
/** Whether Ctrl or ⌘ alone is held. */
export const ctrl = (event) => (event.ctrlKey || event.metaKey) && !event.altKey && !event.shiftKey;
/** Whether an event means a letter. */
export const is = (event, key, code) => event.key.toLowerCase() === key || (!/^[a-z/]$/i.test(event.key) && event.code === code);

function quick() {
  const input = document.querySelector("[data-quick]");
  // On a phone in a chat the list is hidden: then the search page.
  if (!input || input.offsetParent === null) return location.assign("/search");
  input.focus();
  input.select();
}

function chat(step) {
  const cards = [...document.querySelectorAll("[data-cards] a.card")];
  if (cards.length === 0) return;
  const at = cards.findIndex((card) => card.hasAttribute("aria-current"));
  const to = at < 0 ? (step > 0 ? 0 : cards.length - 1) : at + step;
  cards[to]?.click();
}

document.addEventListener("keydown", (event) => {
  if (event.isComposing || event.defaultPrevented || document.querySelector("dialog[open]")) return;
  if (ctrl(event) && is(event, "k", "KeyK")) {
    event.preventDefault();
    quick();
  } else if (ctrl(event) && is(event, "/", "Slash")) {
    event.preventDefault();
    location.assign("/help/keys");
  } else if (event.altKey && !event.ctrlKey && !event.shiftKey && (event.key === "ArrowUp" || event.key === "ArrowDown")) {
    if (!document.querySelector("[data-cards]")) return;
    event.preventDefault();
    chat(event.key === "ArrowDown" ? 1 : -1);
  } else if (event.key === "Escape" && document.activeElement?.matches("[data-quick]")) {
    document.querySelector("#text")?.focus();
  }
});

// Arrows move between cards; Tab leaves the list.
document.querySelector("[data-cards]")?.addEventListener("keydown", (event) => {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step || event.altKey || event.ctrlKey) return;
  const cards = [...event.currentTarget.querySelectorAll("a:not([data-opts])")];
  const next = cards[cards.indexOf(document.activeElement) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
});
