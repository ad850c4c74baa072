// The worker of the installed page. It keeps styles, scripts, icons and the page «no connection», and never a message.
// The node puts two lines before this: BUILD names its files, FILES lists their addresses.
const CACHE = `chater-${BUILD}`;
const OFFLINE = `/offline${location.search}`;

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll([...FILES, OFFLINE])));
});

addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name.startsWith("chater-") && name !== CACHE) await caches.delete(name);
    // The node is asked while the worker still starts: pages come as quickly as without it.
    await registration.navigationPreload?.enable();
    await clients.claim();
  })());
});

// Pages come from the node alone; files do, too, and from here only when it is silent.
async function page(event) {
  try {
    return (await event.preloadResponse) ?? (await fetch(event.request));
  } catch {
    return (await caches.match(OFFLINE)) ?? Response.error();
  }
}
async function file(request) {
  try {
    return await fetch(request);
  } catch {
    return (await caches.match(request)) ?? Response.error();
  }
}
addEventListener("fetch", (event) => {
  const { request } = event;
  const { origin, pathname } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  if (request.mode === "navigate") event.respondWith(page(event));
  else if (pathname.startsWith("/static/")) event.respondWith(file(request));
});

addEventListener("notificationclick", (event) => {
  const chat = event.notification.data;
  const place = chat ? `/c/${chat}` : "/";
  event.notification.close();
  event.waitUntil((async () => {
    const windows = await clients.matchAll({ type: "window", includeUncontrolled: true });
    const window = windows.find((it) => new URL(it.url).pathname === place) ?? windows.find((it) => it.visibilityState === "visible") ?? windows[0];
    if (!window) return clients.openWindow(place);
    // A browser may refuse to bring a window forward; the chat opens all the same.
    await window.focus().catch(() => {});
    window.postMessage({ chat });
  })());
});
