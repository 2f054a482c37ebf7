// A layer's opacity slider multiplies whatever opacity its style already has.
import type { LayerSpecification } from "maplibre-gl";

const PROPERTIES: Record<string, readonly string[]> = {
  background: ["background-opacity"],
  fill: ["fill-opacity"],
  line: ["line-opacity"],
  circle: ["circle-opacity", "circle-stroke-opacity"],
  symbol: ["text-opacity", "icon-opacity"],
  raster: ["raster-opacity"],
  "color-relief": ["color-relief-opacity"],
  hillshade: ["hillshade-exaggeration"], // it has no opacity: flat ground is not shaded at all
  heatmap: ["heatmap-opacity"],
  "fill-extrusion": ["fill-extrusion-opacity"],
};

/** What the style specification says where a style says nothing; 1 for all others. */
const DEFAULTS: Record<string, number> = { "hillshade-exaggeration": 0.5 };

/** The paint properties of `layer` that make it `factor` (0…1) times as opaque as its style says. */
export function scaledPaint(layer: LayerSpecification, factor: number): [property: string, value: unknown][] {
  const paint = ("paint" in layer ? layer.paint : undefined) as Record<string, unknown> | undefined;
  return (PROPERTIES[layer.type] ?? []).map((name) => [name, scaled(paint?.[name] ?? DEFAULTS[name] ?? 1, factor)]);
}

/** `value` times `factor`, where `value` is a number, an expression or a zoom function with stops. */
export function scaled(value: unknown, factor: number): unknown {
  if (factor === 1) return value;
  if (typeof value === "number") return value * factor;
  if (Array.isArray(value)) return scaledExpression(value, factor);
  const { stops, ...rest } = value as { stops: [unknown, unknown][] };
  return { ...rest, stops: stops.map(([zoom, output]) => [zoom, scaled(output, factor)]) };
}

/** Zoom may only stand directly inside an outermost step or interpolate, so those are entered. */
function scaledExpression(expression: unknown[], factor: number): unknown[] {
  const operator = expression[0];
  if (operator === "interpolate") {
    return expression.map((part, i) => (i >= 4 && i % 2 === 0 ? scaled(part, factor) : part));
  }
  if (operator === "step") return expression.map((part, i) => (i >= 2 && i % 2 === 0 ? scaled(part, factor) : part));
  return ["*", expression, factor];
}
