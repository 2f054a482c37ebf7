import "./styles/fonts.css";
import "maplibre-gl/dist/maplibre-gl.css";
import "./styles/tokens.css";
import "./styles/page.css";
import "./styles/panel.css";
import "./styles/map.css";
import "./styles/twin.css";
import { loadFonts } from "./fonts.ts";
import { pageBase } from "./urls.ts";
import { Viewer } from "./viewer.ts";

await new Viewer(pageBase(document.baseURI)).start(loadFonts());
