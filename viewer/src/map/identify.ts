// Which features lie under a point of the screen.
import type { Map as MapLibreMap, MapGeoJSONFeature, PointLike } from "maplibre-gl";

/** A feature that was hit. `featureId` is the MVT feature id, null when the tile holds none. */
export interface Hit {
  layer: string;
  source: string;
  sourceLayer: string;
  featureId: string | number | null;
  properties: Record<string, unknown>;
}

/** Lines and points are thin: they count as hit within this many CSS pixels (a finger is wider than a pointer). */
const TOLERANCE = window.matchMedia?.("(pointer: coarse)").matches ? 12 : 5;

/**
 * Every feature at `point`, topmost first, each once although several style layers and tiles may draw it.
 * `owners` names the Naru layer of each style layer that may be asked.
 */
export function hitsAt(map: MapLibreMap, point: { x: number; y: number }, owners: ReadonlyMap<string, string>): Hit[] {
  const asked = [...owners.keys()].filter((id) => map.getLayer(id));
  const areas = asked.filter((id) => isArea(map, id));
  const filled = new Set(areas.map((id) => owners.get(id)));
  const thin = asked.filter((id) => !isArea(map, id) && !(filled.has(owners.get(id)) && isLabel(map, id)));
  const near = map.queryRenderedFeatures(around(point, TOLERANCE), { layers: thin });
  const found = [
    // an area is hit by its fill alone: its outline belongs to the neighbour as well
    ...near.filter((feature) => !(filled.has(owners.get(feature.layer.id)) && isPolygon(feature))),
    ...map.queryRenderedFeatures([point.x, point.y], { layers: areas }),
  ];
  const hits = new Map<string, Hit>();
  for (const feature of found) {
    const hit = asHit(feature, owners.get(feature.layer.id) ?? "");
    const key = JSON.stringify([hit.source, hit.sourceLayer, hit.featureId ?? hit.properties]);
    if (!hits.has(key)) hits.set(key, hit);
  }
  return [...hits.values()];
}

function isArea(map: MapLibreMap, id: string): boolean {
  const type = map.getLayer(id)?.type;
  return type === "fill" || type === "fill-extrusion";
}

function isLabel(map: MapLibreMap, id: string): boolean {
  return map.getLayer(id)?.type === "symbol";
}

function isPolygon(feature: MapGeoJSONFeature): boolean {
  return feature.geometry.type.endsWith("Polygon");
}

function around({ x, y }: { x: number; y: number }, distance: number): [PointLike, PointLike] {
  return [
    [x - distance, y - distance],
    [x + distance, y + distance],
  ];
}

function asHit(feature: MapGeoJSONFeature, layer: string): Hit {
  return {
    layer,
    source: feature.source,
    sourceLayer: feature.sourceLayer ?? "",
    featureId: feature.id ?? null,
    properties: { ...feature.properties },
  };
}
