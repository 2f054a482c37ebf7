// Server-sent events (HTML standard §9.2) over fetch: the browser's own EventSource can send no key.

export interface ServerEvent {
  name: string;
  data: string;
}

/** Takes text as it comes and gives the events that are complete. */
export class EventReader {
  private rest = "";

  read(text: string): ServerEvent[] {
    const blocks = (this.rest + text).replace(/\r\n?/g, "\n").split("\n\n");
    this.rest = blocks.pop() ?? "";
    return blocks.flatMap(eventOf);
  }
}

function eventOf(block: string): ServerEvent[] {
  const lines = block.split("\n").filter((line) => !line.startsWith(":"));
  const values = (field: string) =>
    lines.filter((line) => line.startsWith(`${field}:`)).map((line) => line.slice(field.length + 1).replace(/^ /, ""));
  const data = values("data");
  return data.length > 0 ? [{ name: values("event").at(-1) ?? "message", data: data.join("\n") }] : [];
}

/** The events of a response, until it ends. */
export async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<ServerEvent> {
  const reader = new EventReader();
  const texts = body.pipeThrough(new TextDecoderStream() as TransformStream<Uint8Array, string>).getReader();
  for (let piece = await texts.read(); !piece.done; piece = await texts.read()) {
    yield* reader.read(piece.value);
  }
}
