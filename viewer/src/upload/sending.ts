// Bytes on their way: small files as one form, larger ones in pieces that survive a broken line (tus 1.0.0).
import { type Api, ApiError, refusalOf } from "../api.ts";
import type { Job } from "./office.ts";
import { MOST_BYTES, zipOf } from "./zip.ts";

export type Options = Record<string, string>;
/** Told how many bytes have gone out of how many, and that the line broke and will be tried again. */
export interface Telling {
  sent(bytes: number, all: number): void;
  lost(): void;
}
type Sent = Telling["sent"];

/** Larger uploads go in pieces. */
const WHOLE_BYTES = 8 * 2 ** 20;
const PIECE_BYTES = 4 * 2 ** 20;
const TUS = { "Tus-Resumable": "1.0.0" };
const WAITS_MS = [500, 1000, 2000, 4000, 8000, 15_000, 30_000, 30_000];

interface Request {
  method: string;
  address: string;
  headers?: Record<string, string>;
  body?: XMLHttpRequestBodyInit;
}

interface Reply {
  status: number;
  text: string;
  header(name: string): string | null;
}

export class Sender {
  constructor(private readonly api: Api) {}

  /** Hands `files` in as one dataset and returns the id of their job. */
  async send(files: readonly File[], options: Options, tell: Telling, signal: AbortSignal): Promise<string> {
    const bytes = files.reduce((sum, { size }) => sum + size, 0);
    if (bytes <= WHOLE_BYTES || (files.length > 1 && bytes > MOST_BYTES)) {
      return this.whole(files, options, tell.sent, signal);
    }
    const [first] = files;
    if (files.length === 1 && first) return this.inPieces(first, first.name, options, tell, signal);
    const packed = await zipOf(files);
    return this.inPieces(packed, `${(first?.name ?? "").replace(/\.[^.]*$/, "")}.zip`, options, tell, signal);
  }

  private async whole(files: readonly File[], options: Options, sent: Sent, signal: AbortSignal): Promise<string> {
    const form = new FormData();
    for (const [name, value] of Object.entries(options)) form.append(name, value); // first: checked before the files
    for (const file of files) form.append("file", file, file.name.normalize("NFC"));
    const reply = await this.ask({ method: "POST", address: "/api/uploads", body: form }, signal, sent);
    return (JSON.parse(reply.text) as { job: Job }).job.id;
  }

  private async inPieces(file: Blob, name: string, options: Options, tell: Telling, signal: AbortSignal): Promise<string> {
    const metadata = coded({ ...options, filename: name.normalize("NFC") });
    const mark = `naru-upload ${file.size} ${file instanceof File ? file.lastModified : ""} ${metadata}`;
    const before = await this.unfinished(mark, signal);
    const address = before ?? (await this.begin(file.size, metadata, signal));
    sessionStorage.setItem(mark, address); // a page that is loaded again goes on with it
    try {
      const job = await this.pieces(address, file, before !== null, tell, signal);
      sessionStorage.removeItem(mark);
      return job;
    } catch (error) {
      if (!mayPass(error)) sessionStorage.removeItem(mark);
      if (signal.aborted) await this.giveUp(address);
      throw error;
    }
  }

  /** Where the same file was being sent to, with the same options, if the server still has it. */
  private async unfinished(mark: string, signal: AbortSignal): Promise<string | null> {
    const address = sessionStorage.getItem(mark);
    if (!address) return null;
    try {
      await this.look(address, signal);
      return address;
    } catch (error) {
      if (error instanceof ApiError && error.status === 404) return null;
      throw error;
    }
  }

  private async begin(bytes: number, metadata: string, signal: AbortSignal): Promise<string> {
    const headers = { ...TUS, "Upload-Length": String(bytes), "Upload-Metadata": metadata };
    const reply = await this.ask({ method: "POST", address: "/api/uploads", headers }, signal);
    const location = reply.header("Location");
    if (!location) throw new ApiError(-1, "/api/uploads: Location");
    return location;
  }

  /** Sends piece after piece; after a failure that may pass, or with some there already, asks where to go on. */
  private async pieces(address: string, file: Blob, begun: boolean, tell: Telling, signal: AbortSignal): Promise<string> {
    let [offset, failures, lost] = [0, 0, begun];
    while (true) {
      try {
        const reply = lost ? await this.look(address, signal) : await this.piece(address, file, offset, tell.sent, signal);
        const job = reply.header("Naru-Job");
        if (job) return job.split("/").at(-1) ?? "";
        offset = Number(reply.header("Upload-Offset"));
        failures = lost ? failures : 0;
        lost = false;
      } catch (error) {
        const wait = WAITS_MS[failures];
        if (signal.aborted || !mayPass(error) || wait === undefined) throw error;
        failures += 1;
        lost = true;
        tell.lost();
        await pause(wait, signal);
      }
    }
  }

  private piece(address: string, file: Blob, offset: number, sent: Sent, signal: AbortSignal): Promise<Reply> {
    const headers = { ...TUS, "Upload-Offset": String(offset), "Content-Type": "application/offset+octet-stream" };
    const body = file.slice(offset, offset + PIECE_BYTES);
    const tell = (bytes: number) => sent(offset + bytes, file.size);
    return this.ask({ method: "PATCH", address, headers, body }, signal, tell);
  }

  private look(address: string, signal: AbortSignal): Promise<Reply> {
    return this.ask({ method: "HEAD", address, headers: TUS }, signal);
  }

  /** The server removes it by itself after a day, should this not arrive. */
  private async giveUp(address: string): Promise<void> {
    await this.ask({ method: "DELETE", address, headers: TUS }, new AbortController().signal).catch(console.warn);
  }

  /** XMLHttpRequest, because fetch does not tell how much has gone out. */
  private ask({ method, address, headers, body }: Request, signal: AbortSignal, sent?: Sent): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      const stop = () => request.abort();
      const { url, headers: ours } = this.api.request(address);
      request.open(method, url);
      for (const [name, value] of Object.entries({ ...ours, ...headers })) request.setRequestHeader(name, value);
      if (sent) request.upload.onprogress = ({ loaded, total }) => sent(loaded, total);
      request.onload = () => answered(request, resolve, reject);
      request.onerror = () => reject(new ApiError(0, "the connection broke"));
      request.onabort = () => reject(signal.reason);
      request.onloadend = () => signal.removeEventListener("abort", stop);
      signal.addEventListener("abort", stop);
      if (signal.aborted) reject(signal.reason);
      else request.send(body ?? null);
    });
  }
}

function answered(request: XMLHttpRequest, resolve: (reply: Reply) => void, reject: (why: ApiError) => void): void {
  const { status, statusText, responseText: text } = request;
  const header = (name: string) => request.getResponseHeader(name);
  if (status < 300) resolve({ status, text, header });
  else reject(refusalOf(status, parsed(text), statusText, header("Retry-After")));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy's page
  }
}

/** Broken lines, busy or restarting servers, and a piece of which a part had arrived. */
export function mayPass(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 0 || [409, 423, 429, 502, 503, 504].includes(error.status));
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

/** `Upload-Metadata`: names and values, these in Base64 of UTF-8. */
export function coded(metadata: Options): string {
  return Object.entries(metadata)
    .filter(([, value]) => value !== "")
    .map(([name, value]) => `${name} ${btoa(String.fromCharCode(...new TextEncoder().encode(value)))}`)
    .join(",");
}
