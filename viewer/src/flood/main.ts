import "../styles/fonts.css";
import "maplibre-gl/dist/maplibre-gl.css";
import "../styles/tokens.css";
import "../styles/page.css";
import "../styles/panel.css";
import "../styles/map.css";
import "../styles/twin.css";
import "../styles/site-nav.css";
import "../styles/flood.css";
import { pageBase } from "../urls.ts";
import { FloodPage } from "./page.ts";

await new FloodPage(pageBase(document.baseURI)).start();
