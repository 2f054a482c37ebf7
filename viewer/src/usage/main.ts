import "../styles/fonts.css";
import "../styles/tokens.css";
import "../styles/page.css";
import "../styles/site-nav.css";
import "../styles/office.css";
import "../styles/usage.css";
import { pageBase } from "../urls.ts";
import { UsagePage } from "./page.ts";

await new UsagePage(pageBase(document.baseURI)).start();
