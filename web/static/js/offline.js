// Looks whether the node answers again, and then opens the page that was asked for.
async function look() {
  const answer = await fetch("/offline", { method: "HEAD", cache: "no-store" }).catch(() => null);
  if (answer?.ok) location.reload();
}

// Under its own address this is a page like others; elsewhere it stands for one that did not come.
if (location.pathname !== "/offline") {
  setInterval(look, 5000);
  addEventListener("online", look);
  document.addEventListener("visibilitychange", () => document.hidden || look());
}
