// What a run left as files: its report, and maps, series and the scenario for other programs.
import { button, el } from "../dom.ts";
import type { ResultHooks } from "./result.ts";
import type { Run } from "./service.ts";
import type { FloodTextId } from "./texts.ts";

/** In the order in which they are asked for most. */
const FILES = ["netcdf", "max_depth", "max_velocity", "max_hazard", "arrival_time", "duration", "peak_time", "final_stage", "mean_depth", "exceedance_0.1m", "exceedance_0.3m", "exceedance_0.5m", "exceedance_1.0m", "gauges", "sections", "structures", "balance", "members", "scenario"] as const;

/** Buttons that fetch a run's files under the caller's key. */
export function filesPart(run: Run, hooks: ResultHooks): HTMLElement {
  const { say } = hooks.voice();
  const message = el("p", { class: "bad", role: "alert" });
  const file = (words: string, address: string, name: string) =>
    button(words, "line-button", () => {
      message.textContent = "";
      hooks.download(address, name).catch((error: unknown) => (message.textContent = hooks.words(error)));
    });
  const report = !run.facts?.outputs?.includes("report") ? [] : [
    file(say("reportHtml"), `/api/runs/${run.id}/report`, `${run.name}.html`),
    file(say("reportPdf"), `/api/runs/${run.id}/report.pdf`, `${run.name}.pdf`),
  ];
  const rows = FILES.flatMap((name) => {
    const address = run.files[name];
    if (!address) return [];
    const kept = address.split("/").at(-1) as string;
    const words = say(`file_${name}` as FloodTextId);
    return [el("li", {}, file(`${words} (${kept.split(".").at(-1)})`, address, `${run.name}-${kept}`))];
  });
  const list = el("details", { class: "flood-section", open: true }, el("summary", {}, say("files")), el("ul", { class: "flood-files" }, ...rows));
  return el("div", { class: "flood-part" }, el("div", { class: "flood-row" }, ...report), ...(rows.length > 0 ? [list] : []), message);
}
