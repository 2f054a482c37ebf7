// A schema as people read it: its type in one line, its members as a list. References are links.
import { el } from "../dom.ts";
import { prose } from "./prose.ts";
import { referenceName, type Schema } from "./openapi.ts";
import type { DocsTranslate } from "./texts.ts";

/** One line: `array of Layer`, `integer 0…22`, `string (date-time)`. */
export function typeLine(schema: Schema): (Node | string)[] {
  const name = referenceName(schema);
  if (name) return [el("a", { href: `#schema-${name}` }, name)];
  if (schema.type === "array") return ["array of ", ...(schema.items ? typeLine(schema.items) : ["any"])];
  const options = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (options) {
    const joint = schema.allOf ? " & " : " | ";
    return options.flatMap((option, i) => [...(i > 0 ? [joint] : []), ...typeLine(option)]);
  }
  return [`${schema.type ?? "any"}${schema.format ? ` (${schema.format})` : ""}${range(schema)}`];
}

/** What else is to be said of a value: description, choices, default, pattern. */
export function remarks(schema: Schema, say: DocsTranslate): Node[] {
  const facts: string[] = [];
  if (schema.enum) facts.push(say("oneOf", { values: schema.enum.map((value) => `\`${String(value)}\``).join(", ") }));
  if (schema.default !== undefined) facts.push(say("default", { value: `\`${JSON.stringify(schema.default)}\`` }));
  if (schema.pattern) facts.push(`\`${schema.pattern}\``);
  return [...prose(schema.description ?? ""), ...prose(facts.join(" · "))];
}

/** The members of an object, nested ones indented; references stay links, so cycles end. */
export function members(schema: Schema, say: DocsTranslate): Node[] {
  const inner = schema.type === "array" && schema.items ? schema.items : schema;
  const properties = Object.entries(inner.properties ?? {});
  if (properties.length === 0) return [];
  const items = properties.map(([name, property]) => member(name, property, inner.required?.includes(name) ?? false, say));
  return [el("ul", { class: "members" }, ...items)];
}

function member(name: string, schema: Schema, required: boolean, say: DocsTranslate): HTMLElement {
  const line = el("p", { class: "member" }, el("code", {}, name), " ", el("span", { class: "type" }, ...typeLine(schema)));
  if (required) line.append(" ", el("span", { class: "required" }, say("required")));
  return el("li", {}, line, ...remarks(schema, say), ...members(schema, say));
}

function range({ minimum, maximum }: Schema): string {
  return minimum === undefined && maximum === undefined ? "" : ` ${minimum ?? ""}…${maximum ?? ""}`;
}
