// Where CesiumJS finds its files: stands in for its own `buildModuleUrl` (tools/cesium.ts). Only workers are shipped;
// pictures of stars, moon and waves are not, nor is anything ever asked for elsewhere.
import terrain from "@cesium/engine/Source/Workers/createVerticesFromQuantizedTerrainMesh.js?worker&url";
import heightmap from "@cesium/engine/Source/Workers/createVerticesFromHeightmap.js?worker&url";
import picking from "@cesium/engine/Source/Workers/incrementallyBuildTerrainPicker.js?worker&url";
import transfer from "@cesium/engine/Source/Workers/transferTypedArrayTest.js?worker&url";
import upsample from "@cesium/engine/Source/Workers/upsampleQuantizedTerrainMesh.js?worker&url";

const FILES: Record<string, string> = {
  "Workers/createVerticesFromHeightmap.js": heightmap,
  "Workers/createVerticesFromQuantizedTerrainMesh.js": terrain,
  "Workers/incrementallyBuildTerrainPicker.js": picking,
  "Workers/transferTypedArrayTest.js": transfer,
  "Workers/upsampleQuantizedTerrainMesh.js": upsample,
};

/** The address of one of Cesium's own files. One that is not shipped has an address at which nothing is asked for. */
export default function buildModuleUrl(name: string): string {
  const file = FILES[name.replace("//", "/")]; // it writes both "Workers/a.js" and "Workers//a.js"
  return file ? new URL(file, import.meta.url).href : `data:,${encodeURIComponent(name)}`;
}

buildModuleUrl.getCesiumBaseUrl = () => ({ url: new URL(".", import.meta.url).href });
