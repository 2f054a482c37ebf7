import "../styles/fonts.css";
import "../styles/tokens.css";
import "../styles/page.css";
import "../styles/site-nav.css";
import "../styles/office.css";
import "../styles/keys.css";
import { pageBase } from "../urls.ts";
import { KeysPage } from "./page.ts";

await new KeysPage(pageBase(document.baseURI)).start();
