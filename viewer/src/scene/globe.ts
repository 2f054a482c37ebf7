// The scene: a terrain mesh, a picture over it, models upon it. All that touches CesiumJS is here.
import {
  BoundingSphere,
  Cartesian2,
  Cartesian3,
  Cartographic,
  Cesium3DTileFeature,
  Cesium3DTileset,
  CesiumTerrainProvider,
  Color,
  Credit,
  CreditDisplay,
  DirectionalLight,
  EllipsoidTerrainProvider,
  Globe,
  HeadingPitchRange,
  ImageryLayer,
  JulianDate,
  Math as CesiumMath,
  Matrix4,
  Rectangle,
  Resource,
  Scene,
  SceneTransforms,
  ScreenSpaceEventHandler,
  ScreenSpaceEventType,
  ShadowMode,
  SkyAtmosphere,
  type TerrainProvider,
  Transforms,
  UrlTemplateImageryProvider,
} from "@cesium/engine";

export type Bounds = [west: number, south: number, east: number, north: number];

export interface Picked {
  /** The layer whose model it is. */
  layer: string;
  properties: Record<string, unknown>;
  /** What properties are called, where the models' schema says. */
  names: ReadonlyMap<string, string>;
}

export interface GlobeHooks {
  /** Everything asked for has been drawn, or more is on its way. */
  settled(idle: boolean): void;
  failed(error: unknown): void;
  picked(found: Picked | null): void;
}

/** How one's requests are made: an absolute address and headers. */
export type Request = (address: string) => { url: string; headers: Record<string, string> };

/** What Cesium's own widget calls before each frame; its types leave it out. */
interface Loop {
  initializeFrame(): void;
}

const PAPER = "#f3f1ec";
const SKY = "#b9d3e2";
const CHOSEN = "#f08c3c";
const NOON = "2026-06-21T03:30:00Z"; // in Korea; nothing in the scene depends on the day
const SUN = { azimuth: 225, altitude: 48 }; // from where the light comes, degrees
const FIRST_PITCH = -32;
const MODELS_ERROR_PX = 4; // Cesium's 16 would leave the houses of a whole river out of its first view
const CLOSEST_REACH = 25; // metres: nearer, a house would hide what stands around it

export class SceneView {
  private readonly scene: Scene;
  private readonly models = new Map<string, Cesium3DTileset>();
  private picture: ImageryLayer | null = null;
  private chosen: Cesium3DTileFeature | null = null;
  private chosenColour = Color.WHITE;
  private sphere: BoundingSphere | null = null;
  private waiting = true;
  private loading = 0;
  private zero = 0;

  constructor(
    private readonly canvas: HTMLCanvasElement,
    credits: HTMLElement,
    private readonly request: Request,
    private readonly hooks: GlobeHooks,
  ) {
    CreditDisplay.cesiumCredit = new Credit("CesiumJS", true);
    // without polar motion the sun is off by less than anybody sees, and its tables need not be shipped
    Object.assign(Transforms, { iau2006XysData: { computeXysRadians: () => undefined } });
    this.scene = new Scene({ canvas, creditContainer: credits, contextOptions: { webgl: { alpha: false } } });
    this.dress();
    this.listen();
    this.fit();
    new ResizeObserver(() => this.fit()).observe(canvas);
    requestAnimationFrame(() => this.draw());
  }

  /**
   * Stands on the mesh at `address`, or (null) on the bare ellipsoid, and looks at `bounds`; EL 0 lies at `zero`. Beyond
   * `known` the mesh only fades out: that is no ground, and is not shown.
   */
  async stand(address: string | null, known: Bounds | null, bounds: Bounds, zero: number): Promise<void> {
    this.zero = zero;
    if (address && known) {
      this.scene.globe.cartographicLimitRectangle = Rectangle.fromDegrees(...known);
      if (this.scene.skyAtmosphere) this.scene.skyAtmosphere.show = false; // drawn for a whole globe: white below, black above
    }
    this.scene.terrainProvider = await this.during(() => this.terrain(address));
    const middle = Cartesian3.fromDegrees((bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2, zero);
    const corner = Cartesian3.fromDegrees(bounds[0], bounds[1], zero);
    this.sphere = new BoundingSphere(middle, Cartesian3.distance(middle, corner));
    this.light(middle);
    this.home();
  }

  private async terrain(address: string | null): Promise<TerrainProvider> {
    if (address === null) return new EllipsoidTerrainProvider();
    const { url, headers } = this.request(address.replace(/\/layer\.json(\?.*)?$/, ""));
    const resource = new Resource({ url, headers });
    return CesiumTerrainProvider.fromUrl(resource, { requestVertexNormals: true });
  }

  /** Lays a layer's pictures over the ground, or (null) nothing. */
  lay(layer: { id: string; minzoom: number; maxzoom: number; bounds: Bounds } | null): void {
    if (this.picture) this.scene.imageryLayers.remove(this.picture, true);
    this.picture = null;
    if (!layer) return;
    const { url, headers } = this.request(`/tiles/${layer.id}/{z}/{x}/{y}.png`);
    const provider = new UrlTemplateImageryProvider({
      url: new Resource({ url, headers }),
      rectangle: Rectangle.fromDegrees(...layer.bounds),
      minimumLevel: layer.minzoom,
      maximumLevel: layer.maxzoom,
      hasAlphaChannel: true,
    });
    this.picture = new ImageryLayer(provider);
    this.scene.imageryLayers.add(this.picture);
  }

  /** Shows a layer's models, or hides them. */
  async show(layer: string, address: string, visible: boolean): Promise<void> {
    const there = this.models.get(layer);
    if (there) {
      there.show = visible;
      return;
    }
    if (!visible) return;
    const { url, headers } = this.request(address);
    const options = { shadows: ShadowMode.DISABLED, maximumScreenSpaceError: MODELS_ERROR_PX };
    const tileset = await this.during(() => Cesium3DTileset.fromUrl(new Resource({ url, headers }), options));
    tileset.tileFailed.addEventListener(({ message }: { message: string }) => this.hooks.failed(new Error(message)));
    this.models.set(layer, this.scene.primitives.add(tileset) as Cesium3DTileset);
  }

  /** Draws heights this many times as high. */
  exaggerate(factor: number): void {
    this.scene.verticalExaggeration = factor;
    this.scene.verticalExaggerationRelativeHeight = this.zero;
  }

  /** Looks at the whole from the south. */
  home(): void {
    if (!this.sphere) return;
    const range = this.sphere.radius * 2.3;
    this.scene.camera.viewBoundingSphere(this.sphere, new HeadingPitchRange(0, CesiumMath.toRadians(FIRST_PITCH), range));
    this.scene.camera.lookAtTransform(Matrix4.IDENTITY);
  }

  zoom(inward: boolean): void {
    const step = this.height() * 0.35;
    if (inward) this.scene.camera.zoomIn(step);
    else this.scene.camera.zoomOut(step);
  }

  /** Moves by shares of the height above ground, or turns around what the middle of the screen shows. */
  move(right: number, forward: number, turn: boolean): void {
    const { camera } = this.scene;
    if (turn) this.turn(right, forward);
    else {
      const step = this.height() * 0.25;
      camera.moveRight(right * step);
      camera.move(this.ahead(), forward * step);
    }
  }

  /** What lies at a point of the canvas; null: the middle. */
  pick(point: { x: number; y: number } | null): void {
    const at = point ?? { x: this.canvas.clientWidth / 2, y: this.canvas.clientHeight / 2 };
    const found: unknown = this.scene.pick(new Cartesian2(at.x, at.y));
    this.unmark();
    if (!(found instanceof Cesium3DTileFeature)) return this.hooks.picked(null);
    this.chosen = found;
    this.chosenColour = found.color.clone();
    found.color = Color.fromCssColorString(CHOSEN);
    const properties = Object.fromEntries(found.getPropertyIds().map((name) => [name, found.getProperty(name) as unknown]));
    this.hooks.picked({ layer: this.layerOf(found.tileset), properties, names: namesIn(found.tileset) });
  }

  /** Looks at a place from the south, from so far that what reaches `reach` metres around it is seen whole. */
  goTo(lon: number, lat: number, reach: number): void {
    const ground = this.groundAt(lon, lat) ?? this.zero;
    const sphere = new BoundingSphere(Cartesian3.fromDegrees(lon, lat, ground), Math.max(reach, CLOSEST_REACH));
    const range = sphere.radius * 5;
    this.scene.camera.viewBoundingSphere(sphere, new HeadingPitchRange(0, CesiumMath.toRadians(FIRST_PITCH), range));
    this.scene.camera.lookAtTransform(Matrix4.IDENTITY);
  }

  unmark(): void {
    if (this.chosen && !this.chosen.tileset.isDestroyed()) this.chosen.color = this.chosenColour;
    this.chosen = null;
  }

  /** The height of the ground at a place, metres on the ellipsoid, as it is drawn now. */
  groundAt(lon: number, lat: number): number | undefined {
    return this.scene.globe.getHeight(Cartographic.fromDegrees(lon, lat));
  }

  /** Where a place is on the canvas, CSS pixels; `height` metres on the ellipsoid. */
  project(lon: number, lat: number, height: number): { x: number; y: number } | undefined {
    return SceneTransforms.worldToWindowCoordinates(this.scene, Cartesian3.fromDegrees(lon, lat, height));
  }

  // --- behind the scenes ----------------------------------------------------------------------------

  private dress(): void {
    const { scene } = this;
    const globe = new Globe();
    globe.baseColor = Color.fromCssColorString(PAPER);
    globe.enableLighting = true;
    globe.dynamicAtmosphereLighting = false;
    globe.showGroundAtmosphere = false;
    globe.showWaterEffect = false;
    globe.maximumScreenSpaceError = 1.5;
    scene.globe = globe;
    scene.skyAtmosphere = new SkyAtmosphere();
    scene.backgroundColor = Color.fromCssColorString(SKY);
    scene.fog.enabled = false;
    scene.screenSpaceCameraController.minimumZoomDistance = 5;
  }

  /** Light from one side at every hour, so that the relief can be read. */
  private light(middle: Cartesian3): void {
    const [azimuth, altitude] = [CesiumMath.toRadians(SUN.azimuth), CesiumMath.toRadians(SUN.altitude)];
    const away = new Cartesian3(-Math.sin(azimuth) * Math.cos(altitude), -Math.cos(azimuth) * Math.cos(altitude), -Math.sin(altitude));
    const local = Transforms.eastNorthUpToFixedFrame(middle);
    const direction = Matrix4.multiplyByPointAsVector(local, away, new Cartesian3());
    this.scene.light = new DirectionalLight({ direction, intensity: 2.2 });
  }

  private listen(): void {
    const handler = new ScreenSpaceEventHandler(this.canvas);
    handler.setInputAction(({ position }: ScreenSpaceEventHandler.PositionedEvent) => this.pick(position), ScreenSpaceEventType.LEFT_CLICK);
    this.scene.renderError.addEventListener((_: Scene, error: unknown) => this.hooks.failed(error));
  }

  private height(): number {
    const { positionCartographic } = this.scene.camera;
    const ground = this.scene.globe.getHeight(positionCartographic) ?? 0;
    return Math.max(positionCartographic.height - ground, 10);
  }

  /** The camera's direction, level with the ground. */
  private ahead(): Cartesian3 {
    const { camera } = this.scene;
    const up = Cartesian3.normalize(camera.positionWC, new Cartesian3());
    const level = Cartesian3.cross(up, camera.rightWC, new Cartesian3());
    return Cartesian3.normalize(level, level);
  }

  private turn(right: number, up: number): void {
    const { camera, globe } = this.scene;
    const ray = camera.getPickRay(new Cartesian2(this.canvas.clientWidth / 2, this.canvas.clientHeight / 2));
    const target = ray && globe.pick(ray, this.scene);
    if (!target) return;
    const heading = camera.heading + right * 0.15;
    const pitch = Math.min(Math.max(camera.pitch - up * 0.08, -1.5), -0.05);
    camera.lookAt(target, new HeadingPitchRange(heading, pitch, Cartesian3.distance(camera.positionWC, target)));
    camera.lookAtTransform(Matrix4.IDENTITY);
  }

  private layerOf(tileset: Cesium3DTileset): string {
    return [...this.models].find(([, one]) => one === tileset)?.[0] ?? "";
  }

  private async during<T>(work: () => Promise<T>): Promise<T> {
    this.loading += 1;
    try {
      return await work();
    } finally {
      this.loading -= 1;
    }
  }

  private fit(): void {
    const ratio = Math.min(window.devicePixelRatio, 2);
    this.canvas.width = Math.max(1, Math.round(this.canvas.clientWidth * ratio));
    this.canvas.height = Math.max(1, Math.round(this.canvas.clientHeight * ratio));
    const { frustum } = this.scene.camera;
    if ("aspectRatio" in frustum) frustum.aspectRatio = this.canvas.width / this.canvas.height;
  }

  private draw(): void {
    (this.scene as unknown as Loop).initializeFrame();
    this.scene.render(JulianDate.fromIso8601(NOON));
    const complete = [...this.models.values()].every((model) => !model.show || model.tilesLoaded);
    const waiting = this.loading > 0 || this.sphere === null || !this.scene.globe.tilesLoaded || !complete;
    if (waiting !== this.waiting) this.hooks.settled(!waiting);
    this.waiting = waiting;
    requestAnimationFrame(() => this.draw());
  }
}

/** What a tileset's schema calls its properties; ids of different classes that are the same mean the same here. */
function namesIn(tileset: Cesium3DTileset): Map<string, string> {
  const { schema } = tileset as unknown as { schema?: { classes?: Record<string, { properties: Record<string, { name?: string }> }> } };
  const properties = Object.values(schema?.classes ?? {}).flatMap((one) => Object.entries(one.properties));
  return new Map(properties.flatMap(([id, { name }]) => (name ? [[id, name] as const] : [])));
}
