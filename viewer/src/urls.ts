// Where things are. The server writes root-relative addresses (`/tiles/…`); behind a reverse proxy the
// page may live under a prefix (`https://city.example/map/`), which only the page itself can see.

/** The folder that the page was served from, as an absolute URL ending in "/". */
export function pageBase(documentUri: string): URL {
  return new URL(".", documentUri);
}

/** `address` as an absolute URL: absolute ones stay, root-relative ones go under `base`. */
export function absolute(address: string, base: URL): string {
  if (/^[a-z][a-z0-9+.-]*:/i.test(address)) return address;
  if (address.startsWith("//")) return `${base.protocol}${address}`;
  const path = address.startsWith(base.pathname) ? address.slice(base.pathname.length) : address.replace(/^\//, "");
  return `${base.origin}${base.pathname}${path}`;
}

/** Whether a request to `url` stays on the page's own origin, so that a key may go with it. */
export function isOwn(url: string, base: URL): boolean {
  return new URL(url, base).origin === base.origin;
}
