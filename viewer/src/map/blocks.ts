// Buildings stand up in 3D: areas whose attributes give a height, or a number of floors.
import type { DataDrivenPropertyValueSpecification, LayerSpecification, StyleSpecification } from "maplibre-gl";

/** A floor's height where only their number is known, metres; the same that `naru twin models` takes. */
export const FLOOR_M = 3;

const HEIGHT = [/^(building_?)?height(_?m)?$/i, /^(건물)?높이(_?\(?m\)?)?$/, /^(bldg?_?|bld_)?(hgt|hg|ht)$/i];
const FLOORS = [/^(number_of_|num_?)?(floors?|storeys|stories|levels)(_(above|up))?$/i, /^(building[:_])levels$/i];
const KOREAN_FLOORS = [/^지상_?층_?수?$/, /^층_?수$/, /^(gro|grnd|ground)_?(flo|flr|floor)(_?co|_?cnt)?$/i];
const COLOUR = "#c8c2b6";

/** The attributes that say how high an area stands, most telling first. */
export interface HeightFields {
  height: string | null;
  floors: string | null;
}

export function heightFields(fields: readonly string[]): HeightFields | null {
  const first = (patterns: readonly RegExp[]) =>
    patterns.flatMap((pattern) => fields.filter((field) => pattern.test(field)))[0] ?? null;
  const found = { height: first(HEIGHT), floors: first([...FLOORS, ...KOREAN_FLOORS]) };
  return found.height || found.floors ? found : null;
}

/** Style layers that extrude each filled layer of `style`. */
export function blocks(style: StyleSpecification, fields: HeightFields): LayerSpecification[] {
  return style.layers.flatMap((layer) => {
    if (layer.type !== "fill" || typeof layer.source !== "string" || !layer["source-layer"]) return [];
    const { source, "source-layer": sourceLayer, filter, minzoom = 0, maxzoom = 24 } = layer;
    const id = `${layer.id}--block`;
    const place = { id, source, "source-layer": sourceLayer, minzoom, maxzoom, ...(filter ? { filter } : {}) };
    const colour = layer.paint?.["fill-color"] ?? COLOUR;
    const paint = {
      "fill-extrusion-height": heightOf(fields),
      "fill-extrusion-color": colour as DataDrivenPropertyValueSpecification<string>,
      "fill-extrusion-opacity": 0.9,
    };
    return [{ ...place, type: "fill-extrusion" as const, paint }];
  });
}

/** Metres above the ground: the height where there is one above nought, else the floors'. */
function heightOf({ height, floors }: HeightFields): DataDrivenPropertyValueSpecification<number> {
  const number = (field: string) => ["to-number", ["get", field], 0];
  const byFloors = floors ? ["*", FLOOR_M, number(floors)] : 0;
  const metres = height ? ["case", [">", number(height), 0], number(height), byFloors] : byFloors;
  return ["max", 0, metres] as unknown as DataDrivenPropertyValueSpecification<number>;
}
