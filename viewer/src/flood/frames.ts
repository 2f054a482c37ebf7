// Frames of depth as textures, a window of them at a time: what has not been shown for longest makes room.
import type { Pack } from "./pack.ts";
import { around } from "./clock.ts";

/** Bytes of graphics memory that one run's frames may take. */
const BUDGET = 96 * 1024 * 1024;
const LEAST_KEPT = 4;
const AHEAD = 8;
const AT_ONCE = 4;

/** How many frames of a pack are kept. */
export function keptFrames({ width, height, times }: Pack, budget = BUDGET): number {
  return Math.min(Math.max(LEAST_KEPT, Math.floor(budget / (width * height))), times.length);
}

export interface Pair {
  before: WebGLTexture;
  after: WebGLTexture;
  share: number;
}

interface Kept {
  texture: WebGLTexture;
  used: number;
}

export class Frames {
  private readonly kept = new Map<number, Kept>();
  private readonly coming = new Set<number>();
  private readonly failed = new Map<number, number>();
  private gl: WebGL2RenderingContext | null = null;
  private uses = 0;
  private last: Pair | null = null;
  private readonly room: number;
  private readonly stop = new AbortController();

  constructor(
    readonly pack: Pack,
    private readonly fetchFrame: (address: string, signal: AbortSignal) => Promise<Blob>,
    private readonly hooks: { came(): void; failed(error: unknown): void },
  ) {
    this.room = keptFrames(pack);
  }

  /** The layer that draws it is on the map. Textures of an earlier context are of no use in another one. */
  begin(gl: WebGL2RenderingContext): void {
    if (this.gl === gl) return;
    this.gl = gl;
    this.kept.clear();
    this.last = null;
  }

  /** Whether both frames around `time` are here, or will never come. */
  ready(time: number): boolean {
    const { before, after } = around(this.pack.times, time);
    return [before, after].every((index) => this.kept.has(index) || this.given(index));
  }

  /** The textures around `time`; the last ones where these are not here yet. Asks for what is missing and what comes next. */
  pair(time: number): Pair | null {
    const { before, after, share } = around(this.pack.times, time);
    this.ask([before, after, ...this.following(after)]);
    const [a, b] = [this.use(before), this.use(after)];
    if (a && b) this.last = { before: a, after: b, share };
    else if (a || b) this.last = { before: (a ?? b) as WebGLTexture, after: (a ?? b) as WebGLTexture, share: 0 };
    return this.last;
  }

  end(): void {
    this.stop.abort();
    for (const { texture } of this.kept.values()) this.gl?.deleteTexture(texture);
    this.kept.clear();
    this.last = null;
    this.gl = null;
  }

  private following(index: number): number[] {
    const most = Math.min(AHEAD, this.room - 3);
    return Array.from({ length: Math.max(most, 0) }, (_, step) => index + step + 1).filter((one) => one < this.pack.times.length);
  }

  private use(index: number): WebGLTexture | null {
    const kept = this.kept.get(index);
    if (!kept) return null;
    kept.used = ++this.uses;
    return kept.texture;
  }

  private given(index: number): boolean {
    return (this.failed.get(index) ?? 0) > 1;
  }

  private ask(wanted: readonly number[]): void {
    for (const index of wanted) {
      if (this.coming.size >= AT_ONCE) return;
      if (!this.gl || this.kept.has(index) || this.coming.has(index) || this.given(index)) continue;
      this.coming.add(index);
      void this.bring(index);
    }
  }

  private async bring(index: number): Promise<void> {
    try {
      const blob = await this.fetchFrame(this.pack.address(index), this.stop.signal);
      // the bytes are depths, no colours: nothing may be converted or multiplied on the way
      const picture = await createImageBitmap(blob, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
      this.keep(index, picture);
      picture.close();
    } catch (error) {
      if (this.stop.signal.aborted) return;
      this.failed.set(index, (this.failed.get(index) ?? 0) + 1);
      if (this.given(index)) this.hooks.failed(error);
    } finally {
      this.coming.delete(index);
    }
    this.hooks.came();
  }

  private keep(index: number, picture: ImageBitmap): void {
    const { gl } = this;
    if (!gl) return;
    const { width, height } = this.pack;
    if (picture.width !== width || picture.height !== height) throw new Error(`${picture.width}×${picture.height} ≠ ${width}×${height}`);
    this.makeRoom();
    const texture = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.pixelStorei(gl.UNPACK_FLIP_Y_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.R8, gl.RED, gl.UNSIGNED_BYTE, picture);
    for (const side of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_2D, side, gl.NEAREST);
    for (const side of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T]) gl.texParameteri(gl.TEXTURE_2D, side, gl.CLAMP_TO_EDGE);
    gl.bindTexture(gl.TEXTURE_2D, null);
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.BROWSER_DEFAULT_WEBGL);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 4);
    this.kept.set(index, { texture, used: ++this.uses });
  }

  private makeRoom(): void {
    while (this.kept.size >= this.room) {
      const [oldest] = [...this.kept].sort(([, a], [, b]) => a.used - b.used);
      if (!oldest) return;
      const [index, { texture }] = oldest;
      if (this.last && (this.last.before === texture || this.last.after === texture)) this.last = null;
      this.gl?.deleteTexture(texture);
      this.kept.delete(index);
    }
  }
}
