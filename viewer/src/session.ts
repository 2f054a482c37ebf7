// The API key lives as long as the tab: sessionStorage, never the address bar, never a cookie.
const NAME = "naru-api-key";

export function storedKey(): string | null {
  return sessionStorage.getItem(NAME);
}

export function storeKey(key: string | null): void {
  if (key) sessionStorage.setItem(NAME, key);
  else sessionStorage.removeItem(NAME);
}
