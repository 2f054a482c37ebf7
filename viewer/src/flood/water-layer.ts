// The flood on the map: depths of two output times, interpolated and coloured by the graphics processor.
import type { CustomLayerInterface, CustomRenderMethodInput, Map as MapLibreMap } from "maplibre-gl";
import { CLASSES, rgb } from "./classes.ts";
import type { Frames } from "./frames.ts";

export const WATER_LAYER = "flood-water";

/** A run on the map; two of them part the picture at a vertical line. */
export interface Side {
  frames: Frames;
  time: number;
}

const VERTEX = `#version 300 es
uniform mat4 u_matrix;
in vec2 a_at;
out vec2 v_at;
void main() {
  v_at = a_at;
  gl_Position = u_matrix * vec4(a_at, 0.0, 1.0);
}`;

// Depths are decoded first and mixed then: between the roots of two depths lies none of the depths between them.
const FRAGMENT = `#version 300 es
precision highp float;
uniform sampler2D u_before;
uniform sampler2D u_after;
uniform float u_share;
uniform float u_most;
uniform float u_least;
uniform float u_opacity;
uniform float u_breaks[${CLASSES.length}];
uniform vec3 u_colours[${CLASSES.length}];
in vec2 v_at;
out vec4 colour;
float depth(sampler2D frame) {
  float root = texture(frame, v_at).r;
  return u_most * root * root;
}
void main() {
  float d = mix(depth(u_before), depth(u_after), u_share);
  if (d < u_least) discard;
  vec3 found = u_colours[0];
  for (int i = 1; i < ${CLASSES.length}; i += 1) if (d >= u_breaks[i]) found = u_colours[i];
  colour = vec4(found, 1.0) * u_opacity;
}`;

export class WaterLayer implements CustomLayerInterface {
  readonly id = WATER_LAYER;
  readonly type = "custom" as const;
  readonly renderingMode = "2d" as const;
  private map: MapLibreMap | null = null;
  private gl: WebGL2RenderingContext | null = null;
  private program: WebGLProgram | null = null;
  private corners: WebGLBuffer | null = null;
  private array: WebGLVertexArrayObject | null = null;
  private places: Record<string, WebGLUniformLocation | null> = {};
  private sides: readonly Side[] = [];
  /** Where the first side ends, 0 to 1 of the map's width. */
  private parting = 0.5;
  private opacity = 0.85;

  /** What is drawn: nothing, one run, or two of them parted at `parting`. */
  show(sides: readonly Side[], parting: number): void {
    for (const { frames } of sides) if (this.gl && !this.sides.some((one) => one.frames === frames)) frames.begin(this.gl);
    this.sides = sides;
    this.parting = parting;
    this.map?.triggerRepaint();
  }

  fade(opacity: number): void {
    this.opacity = opacity;
    this.map?.triggerRepaint();
  }

  onAdd(map: MapLibreMap, gl: WebGL2RenderingContext): void {
    this.map = map;
    this.gl = gl;
    this.program = linked(gl);
    for (const name of ["u_matrix", "u_before", "u_after", "u_share", "u_most", "u_least", "u_opacity", "u_breaks", "u_colours"]) {
      this.places[name] = gl.getUniformLocation(this.program, name);
    }
    this.array = gl.createVertexArray();
    this.corners = gl.createBuffer();
    gl.bindVertexArray(this.array);
    gl.bindBuffer(gl.ARRAY_BUFFER, this.corners);
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]), gl.STATIC_DRAW);
    const at = gl.getAttribLocation(this.program, "a_at");
    gl.enableVertexAttribArray(at);
    gl.vertexAttribPointer(at, 2, gl.FLOAT, false, 0, 0);
    gl.bindVertexArray(null);
    for (const { frames } of this.sides) frames.begin(gl);
  }

  onRemove(_map: MapLibreMap, gl: WebGL2RenderingContext): void {
    gl.deleteProgram(this.program);
    gl.deleteBuffer(this.corners);
    gl.deleteVertexArray(this.array);
    this.gl = this.map = null;
  }

  render(gl: WebGL2RenderingContext, { defaultProjectionData }: CustomRenderMethodInput): void {
    if (!this.program || this.sides.length === 0) return;
    gl.useProgram(this.program);
    gl.bindVertexArray(this.array);
    gl.uniform1fv(this.place("u_breaks"), CLASSES.map(({ from }) => from));
    gl.uniform3fv(this.place("u_colours"), CLASSES.flatMap(({ colour }) => rgb(colour)));
    gl.uniform1f(this.place("u_opacity"), this.opacity);
    const [width, height] = [gl.drawingBufferWidth, gl.drawingBufferHeight];
    const split = this.sides.length > 1 ? Math.round(width * this.parting) : width;
    gl.enable(gl.SCISSOR_TEST);
    this.sides.forEach((side, index) => {
      gl.scissor(index === 0 ? 0 : split, 0, index === 0 ? split : width - split, height);
      this.draw(gl, side, defaultProjectionData.mainMatrix);
    });
    gl.disable(gl.SCISSOR_TEST);
    gl.bindVertexArray(null);
  }

  private draw(gl: WebGL2RenderingContext, { frames, time }: Side, matrix: ArrayLike<number>): void {
    const pair = frames.pair(time);
    if (!pair) return;
    const [west, north, east, south] = frames.pack.mercator;
    // in double precision, as the map's matrix is: a world of single precision has steps of two metres
    gl.uniformMatrix4fv(this.place("u_matrix"), false, new Float32Array(placed(matrix, [west, north], [east - west, south - north])));
    gl.uniform1f(this.place("u_share"), pair.share);
    gl.uniform1f(this.place("u_most"), frames.pack.mostDepth);
    gl.uniform1f(this.place("u_least"), frames.pack.leastDepth);
    for (const [unit, name, texture] of [[0, "u_before", pair.before], [1, "u_after", pair.after]] as const) {
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_2D, texture);
      gl.uniform1i(this.place(name), unit);
    }
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  private place(name: string): WebGLUniformLocation | null {
    return this.places[name] ?? null;
  }
}

/** A 4×4 matrix (columns first) after moving by `at` and stretching by `size` in x and y. */
export function placed(matrix: ArrayLike<number>, at: readonly [number, number], size: readonly [number, number]): number[] {
  const m = (index: number) => matrix[index] as number;
  return Array.from({ length: 16 }, (_, index) => {
    const row = index % 4;
    if (index < 4) return m(row) * size[0];
    if (index < 8) return m(4 + row) * size[1];
    if (index < 12) return m(index);
    return m(row) * at[0] + m(4 + row) * at[1] + m(12 + row);
  });
}

function linked(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram();
  for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]] as const) {
    const shader = gl.createShader(kind) as WebGLShader;
    gl.shaderSource(shader, text);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    gl.deleteShader(shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program) ?? "shader");
  return program;
}
