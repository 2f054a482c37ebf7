// Sends a GET request from the docs page and shows the answer, with the same request as a curl line.
import { el } from "../dom.ts";
import { storedKey } from "../session.ts";
import { absolute } from "../urls.ts";
import type { Operation, Parameter } from "./openapi.ts";
import type { DocsTranslate } from "./texts.ts";

const SHOWN_CHARACTERS = 20_000;

export function tryIt(operation: Operation, base: URL, say: DocsTranslate): HTMLElement {
  const asked = operation.parameters.filter(({ in: place }) => place === "path" || place === "query");
  const fields = asked.map((parameter) => ({ parameter, input: field(parameter) }));
  const answer = el("div", { class: "answer", role: "status" });
  const send = el("button", { type: "submit", class: "solid-button" }, say("send"));
  const labels = fields.map(({ parameter, input }) => el("label", {}, el("span", {}, parameter.name), input));
  const form = el("form", { class: "try-form" }, ...labels, send);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const values = new Map(fields.map(({ parameter, input }) => [parameter, input.value.trim()]));
    const missing = fields.filter(({ parameter, input }) => parameter.required && input.value.trim() === "");
    const names = missing.map(({ parameter }) => parameter.name).join(", ");
    if (names) answer.replaceChildren(el("p", { class: "bad" }, say("missing", { names })));
    else void ask(absolute(addressOf(operation.path, values), base), answer, say);
  });
  return el("details", { class: "try" }, el("summary", {}, say("tryIt")), form, answer);
}

function field({ name, required, example, schema }: Parameter): HTMLInputElement {
  const value = example ?? schema?.example ?? schema?.default ?? "";
  return el("input", { type: "text", name, value: String(value), "aria-required": String(required ?? false) });
}

/** The path with its `{names}` filled in and the query behind it. Commas and slashes of values stay legible. */
export function addressOf(path: string, values: ReadonlyMap<Parameter, string>): string {
  const query: string[] = [];
  let address = path;
  for (const [{ name, in: place }, value] of values) {
    const encoded = encodeURIComponent(value).replaceAll("%2C", ",");
    if (place === "path") address = address.replace(`{${name}}`, encoded);
    else if (value !== "") query.push(`${encodeURIComponent(name)}=${encoded}`);
  }
  return query.length > 0 ? `${address}?${query.join("&")}` : address;
}

async function ask(url: string, place: HTMLElement, say: DocsTranslate): Promise<void> {
  const key = storedKey();
  const curl = el("pre", {}, el("code", {}, `curl ${key ? "-H 'X-API-Key: …' " : ""}'${url}'`));
  place.replaceChildren(curl, el("p", { class: "quiet" }, say("sending")));
  const began = performance.now();
  try {
    const response = await fetch(url, key ? { headers: { "X-API-Key": key } } : {});
    const bytes = new Uint8Array(await response.arrayBuffer());
    const ms = Math.round(performance.now() - began);
    const line = say("answer", { status: response.status, bytes: bytes.length, ms });
    place.replaceChildren(curl, el("p", {}, line), body(response.headers.get("Content-Type") ?? "", bytes, say));
  } catch (error) {
    console.warn(error);
    place.replaceChildren(curl, el("p", { class: "bad" }, say("unreachable")));
  }
}

function body(type: string, bytes: Uint8Array, say: DocsTranslate): HTMLElement {
  if (bytes.length === 0) return el("p", {});
  if (!/json|text|xml/.test(type)) return el("p", { class: "quiet" }, say("binary", { type, bytes: bytes.length }));
  const text = new TextDecoder().decode(bytes);
  return el("pre", { class: "answer-body", tabindex: 0 }, el("code", {}, legible(type, text).slice(0, SHOWN_CHARACTERS)));
}

function legible(type: string, text: string): string {
  if (!type.includes("json")) return text;
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch (error) {
    console.warn(error); // shown as it came
    return text;
  }
}
