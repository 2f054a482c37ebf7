import "../styles/fonts.css";
import "../styles/tokens.css";
import "../styles/page.css";
import "../styles/panel.css";
import "../styles/map.css";
import "../styles/twin.css";
import "../styles/scene.css";
import { pageBase } from "../urls.ts";
import { ScenePage } from "./page.ts";

await new ScenePage(pageBase(document.baseURI)).start();
