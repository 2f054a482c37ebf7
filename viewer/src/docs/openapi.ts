// The parts of OpenAPI 3.0 that the docs page reads, with references resolved.

export interface Schema {
  $ref?: string;
  type?: string;
  format?: string;
  description?: string;
  enum?: unknown[];
  default?: unknown;
  example?: unknown;
  items?: Schema;
  properties?: Record<string, Schema>;
  required?: string[];
  additionalProperties?: boolean | Schema;
  oneOf?: Schema[];
  anyOf?: Schema[];
  allOf?: Schema[];
  nullable?: boolean;
  minimum?: number;
  maximum?: number;
  pattern?: string;
}

export interface Parameter {
  name: string;
  in: "path" | "query" | "header" | "cookie";
  required?: boolean;
  description?: string;
  schema?: Schema;
  example?: unknown;
}

export type Content = Record<string, { schema?: Schema }>;

export interface Answer {
  description?: string;
  content?: Content;
}

export interface Operation {
  method: string;
  path: string;
  tag: string | null;
  summary: string;
  description: string;
  parameters: Parameter[];
  body: Content | null;
  responses: [status: string, answer: Answer][];
  deprecated: boolean;
}

export interface SecurityScheme {
  type?: string;
  in?: string;
  name?: string;
  scheme?: string;
  description?: string;
}

type Raw = Record<string, unknown>;
const METHODS = ["get", "post", "put", "patch", "delete", "head", "options"];

/** An OpenAPI document as loaded; gives its parts with every `$ref` followed. */
export class ApiDescription {
  constructor(private readonly document: Raw) {}

  get title(): string {
    return String(this.info["title"] ?? "API");
  }

  get version(): string {
    return String(this.info["version"] ?? "");
  }

  get description(): string {
    return String(this.info["description"] ?? "");
  }

  get schemas(): [string, Schema][] {
    return Object.entries(this.components<Schema>("schemas"));
  }

  get securitySchemes(): [string, SecurityScheme][] {
    return Object.entries(this.components<SecurityScheme>("securitySchemes"));
  }

  /** Tags in the document's order, with what is said of them. */
  get tags(): { name: string; description: string }[] {
    const tags = (this.document["tags"] ?? []) as { name: string; description?: string }[];
    return tags.map(({ name, description = "" }) => ({ name, description }));
  }

  get operations(): Operation[] {
    const paths = (this.document["paths"] ?? {}) as Record<string, Raw>;
    return Object.entries(paths).flatMap(([path, item]) =>
      METHODS.filter((method) => item[method]).map((method) => this.operation(path, method, item)),
    );
  }

  /** What `value` refers to, or itself. */
  resolve<T extends object>(value: T): T {
    const reference = (value as { $ref?: unknown }).$ref;
    if (typeof reference !== "string" || !reference.startsWith("#/")) return value;
    const steps = reference.slice(2).split("/").map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
    const found = steps.reduce<unknown>((at, step) => (at as Raw | undefined)?.[step], this.document);
    if (!found) throw new Error(`openapi.json: ${reference}`);
    return found as T;
  }

  private get info(): Raw {
    return (this.document["info"] ?? {}) as Raw;
  }

  private components<T>(kind: string): Record<string, T> {
    return ((this.document["components"] as Raw | undefined)?.[kind] ?? {}) as Record<string, T>;
  }

  private operation(path: string, method: string, item: Raw): Operation {
    const raw = item[method] as Raw;
    const parameters = [...((item["parameters"] ?? []) as Parameter[]), ...((raw["parameters"] ?? []) as Parameter[])];
    const body = raw["requestBody"] as { content?: Content } | undefined;
    const responses = Object.entries((raw["responses"] ?? {}) as Record<string, Answer>);
    return {
      method,
      path,
      tag: (raw["tags"] as string[] | undefined)?.[0] ?? null,
      summary: String(raw["summary"] ?? ""),
      description: String(raw["description"] ?? ""),
      parameters: parameters.map((parameter) => this.resolve(parameter)),
      body: body ? (this.resolve(body).content ?? null) : null,
      responses: responses.map(([status, answer]) => [status, this.resolve(answer)]),
      deprecated: raw["deprecated"] === true,
    };
  }
}

/** The name of a referenced schema, or null for one written in place. */
export function referenceName(schema: Schema): string | null {
  return schema.$ref?.split("/").at(-1) ?? null;
}
