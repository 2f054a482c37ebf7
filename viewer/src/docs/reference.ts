// The reference itself: contents, authentication, operations by tag, schemas.
import { el } from "../dom.ts";
import type { Language } from "../texts.ts";
import { groupName, groupPlace } from "./groups.ts";
import type { ApiDescription, Content, Operation, Parameter } from "./openapi.ts";
import { prose } from "./prose.ts";
import { members, remarks, typeLine } from "./schema.ts";
import type { DocsTranslate } from "./texts.ts";
import { tryIt } from "./try-it.ts";

interface Group {
  name: string;
  description: string;
  operations: Operation[];
}

/** The page's main part and its table of contents. */
export function reference(api: ApiDescription, base: URL, say: DocsTranslate, language: Language): { main: Node[]; contents: Node[] } {
  const groups = groupsOf(api, say);
  const sections = groups.map((group) => section(`tag-${group.name}`, groupName(group.name, language), [
    ...prose(group.description),
    ...group.operations.map((operation) => operationCard(operation, base, say)),
  ]));
  const main = [introduction(api, say), authentication(api, say), ...sections, schemas(api, say)];
  const links: [string, string][] = [
    ["authentication", say("authentication")],
    ...groups.map(({ name }): [string, string] => [`tag-${name}`, groupName(name, language)]),
    ["schemas", say("schemas")],
  ];
  return { main, contents: [el("ul", {}, ...links.map(([id, text]) => el("li", {}, el("a", { href: `#${id}` }, text))))] };
}

function groupsOf(api: ApiDescription, say: DocsTranslate): Group[] {
  const groups = new Map<string, Group>(api.tags.map((tag) => [tag.name, { ...tag, operations: [] }]));
  for (const operation of api.operations) {
    const name = operation.tag ?? say("other");
    const group = groups.get(name) ?? { name, description: "", operations: [] };
    group.operations.push(operation);
    groups.set(name, group);
  }
  const used = [...groups.values()].filter(({ operations }) => operations.length > 0);
  return used.sort((one, other) => groupPlace(one.name) - groupPlace(other.name));
}

function section(id: string, title: string, children: Node[]): HTMLElement {
  return el("section", { id, class: "docs-section" }, el("h2", {}, title), ...children);
}

function introduction(api: ApiDescription, say: DocsTranslate): HTMLElement {
  const machine = el("p", { class: "quiet" }, `${say("machine")}: `, el("a", { href: "openapi.json" }, "openapi.json"));
  const title = el("h1", {}, api.title, " ", el("span", { class: "quiet" }, api.version));
  return el("section", { class: "docs-section" }, title, ...prose(api.description), machine);
}

function authentication(api: ApiDescription, say: DocsTranslate): HTMLElement {
  const rows = api.securitySchemes.map(([name, scheme]) => {
    const how = scheme.type === "http" ? `Authorization: ${scheme.scheme}` : `${scheme.in}: ${scheme.name}`;
    return el("tr", {}, el("th", { scope: "row" }, name), cell(el("code", {}, how)), cell(...prose(scheme.description ?? "")));
  });
  return section("authentication", say("authentication"), [el("table", {}, el("tbody", {}, ...rows))]);
}

function operationCard(operation: Operation, base: URL, say: DocsTranslate): HTMLElement {
  const { method, path, summary, description, parameters, body, responses } = operation;
  const badge = el("span", { class: `method method-${method}` }, method.toUpperCase());
  const name = el("code", { class: operation.deprecated ? "deprecated" : null }, path);
  const parts: Node[] = prose(description);
  if (parameters.length > 0) parts.push(el("h4", {}, say("parameters")), parameterTable(parameters, say));
  if (body) parts.push(el("h4", {}, say("body")), ...contentOf(body, say));
  parts.push(el("h4", {}, say("responses")), responseTable(responses, say));
  if (method === "get") parts.push(tryIt(operation, base, say));
  const head = el("summary", {}, badge, name, el("span", { class: "operation-summary" }, summary));
  return el("details", { class: "operation" }, head, el("div", { class: "operation-body" }, ...parts));
}

function parameterTable(parameters: Parameter[], say: DocsTranslate): HTMLElement {
  const rows = parameters.map(({ name, in: place, required, description, schema = {} }) => {
    const head = el("th", { scope: "row" }, el("code", {}, name));
    if (required) head.append(" ", el("span", { class: "required" }, say("required")));
    const said = [...prose(description ?? ""), ...remarks(schema, say)];
    return el("tr", {}, head, cell(place), cell(...typeLine(schema)), cell(...said));
  });
  return table([say("name"), say("where"), say("type"), say("description")], rows);
}

function responseTable(responses: Operation["responses"], say: DocsTranslate): HTMLElement {
  const rows = responses.map(([status, { description = "", content = {} }]) =>
    el("tr", {}, el("th", { scope: "row" }, status), cell(...prose(description)), cell(...contentOf(content, say))),
  );
  return table([say("status"), say("description"), say("type")], rows);
}

function contentOf(content: Content, say: DocsTranslate): Node[] {
  return Object.entries(content).flatMap(([type, { schema }]) => [
    el("p", {}, el("code", {}, type), ...(schema ? [" ", ...typeLine(schema)] : [])),
    ...(schema ? members(schema, say) : []),
  ]);
}

function schemas(api: ApiDescription, say: DocsTranslate): HTMLElement {
  const cards = api.schemas.map(([name, schema]) =>
    el("div", { id: `schema-${name}`, class: "schema" }, el("h3", {}, name), ...remarks(schema, say), ...members(schema, say)),
  );
  return section("schemas", say("schemas"), cards);
}

function table(heads: string[], rows: HTMLElement[]): HTMLElement {
  const head = el("thead", {}, el("tr", {}, ...heads.map((text) => el("th", { scope: "col" }, text))));
  return el("div", { class: "table-frame", tabindex: 0 }, el("table", {}, head, el("tbody", {}, ...rows)));
}

function cell(...children: (Node | string)[]): HTMLElement {
  return el("td", {}, ...children);
}
