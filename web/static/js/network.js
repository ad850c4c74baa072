// A page that follows the news (the network, the log of the node): parts of it are fetched again when the node says that
// something changed.
import { on, part } from "./app.js";
import { localize } from "./time.js";

const page = document.querySelector("[data-follow]")?.dataset.follow ?? "/network";
const named = (root) => [...root.querySelectorAll("[data-part]")];
let running = false;
let again = false;

// What is typed into stays, and a focused link or button is found again.
function replace(old, fresh) {
  const focused = old.contains(document.activeElement) ? document.activeElement : null;
  if (focused?.matches("input, textarea")) return;
  if (old.innerHTML === fresh.innerHTML) return;
  const label = focused && (focused.getAttribute("aria-label") ?? focused.getAttribute("href") ?? focused.textContent);
  old.replaceChildren(...fresh.childNodes);
  localize(old);
  if (!label) return;
  const same = [...old.querySelectorAll("a, button, [tabindex]")].find((it) => [it.getAttribute("aria-label"), it.getAttribute("href"), it.textContent].includes(label));
  same?.focus({ preventScroll: true });
}

async function refresh() {
  if (running) {
    again = true;
    return;
  }
  running = true;
  do {
    again = false;
    const fresh = await part(page);
    for (const it of fresh ?? []) {
      const old = named(document).find((own) => own.dataset.part === it.dataset.part);
      if (old) replace(old, it);
    }
  } while (again);
  running = false;
}

on("network", refresh);
on("open", refresh);
