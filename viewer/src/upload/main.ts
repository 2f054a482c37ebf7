import "../styles/fonts.css";
import "../styles/tokens.css";
import "../styles/page.css";
import "../styles/site-nav.css";
import "../styles/office.css";
import "../styles/upload.css";
import { pageBase } from "../urls.ts";
import { UploadPage } from "./page.ts";

await new UploadPage(pageBase(document.baseURI)).start();
