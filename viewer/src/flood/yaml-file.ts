// Scenario files: written for people to read and change, read as YAML 1.2. The library is loaded when it is needed.

/** The text of a scenario file. */
export async function scenarioText(mapping: object): Promise<string> {
  const { Document, isPair, isSeq, visit } = await import("yaml");
  const document = new Document(mapping);
  visit(document, {
    Seq: (_, node) => {
      if (node.items.every((item) => !isSeq(item) && !(item && typeof item === "object" && "items" in item))) node.flow = true;
    },
    Map: (_, node, path) => {
      const deep = path.length > 2 && node.items.every((item) => isPair(item) && !(item.value && typeof item.value === "object" && "items" in item.value && !isSeq(item.value)));
      if (deep) node.flow = true;
    },
  });
  return document.toString({ lineWidth: 110, flowCollectionPadding: false });
}

/** What a scenario file's text says. Throws what the reader throws, with line and column. */
export async function readScenarioText(text: string): Promise<unknown> {
  const { parse } = await import("yaml");
  return parse(text, { maxAliasCount: 0 });
}
