// The small chart of the rain in the editor.
import { svg } from "../dom.ts";
import { roundMarks } from "../twin/scales.ts";
import { type Bar, total } from "./rain.ts";
import type { FloodVoice } from "./texts.ts";

const HALF_LABEL = 16; // of the last hour's, which would run over the edge
const SIZE = { width: 320, height: 116, left: 38, right: 8, top: 16, bottom: 26 };

/** Rain from above, as hydrologists draw it the other way up for readers of charts: bars that stand. */
export function hyetographChart(bars: readonly Bar[], hours: number, { say, language }: FloodVoice): SVGSVGElement {
  const end = Math.max(hours * 60, ...bars.map(({ to }) => to), 1);
  const most = Math.max(...bars.map(({ rate }) => rate), 1) * 1.08;
  const x = (minutes: number) => SIZE.left + (minutes / end) * (SIZE.width - SIZE.left - SIZE.right);
  const y = (rate: number) => SIZE.height - SIZE.bottom - (rate / most) * (SIZE.height - SIZE.top - SIZE.bottom);
  const number = (value: number) => value.toLocaleString(language, { maximumFractionDigits: 1 });
  const label = say("rainSummary", { depth: number(total(bars)), peak: number(Math.max(0, ...bars.map(({ rate }) => rate))) });
  return svg(
    "svg",
    { class: "hyetograph", viewBox: `0 0 ${SIZE.width} ${SIZE.height}`, role: "img", "aria-label": label },
    ...roundMarks(0, most, 3).flatMap((rate) => [
      svg("line", { class: "chart-grid", x1: SIZE.left, x2: SIZE.width - SIZE.right, y1: y(rate), y2: y(rate) }),
      svg("text", { class: "chart-mark", x: SIZE.left - 5, y: y(rate) + 4, "text-anchor": "end" }, number(rate)),
    ]),
    ...bars.map(({ from, to, rate }) =>
      svg("rect", { class: "rain-bar", x: x(from), y: y(rate), width: Math.max(x(to) - x(from) - 0.5, 0.5), height: SIZE.height - SIZE.bottom - y(rate) }),
    ),
    ...roundMarks(0, end / 60, 5).map((hour) => {
      const at = Math.min(x(hour * 60), SIZE.width - HALF_LABEL);
      return svg("text", { class: "chart-mark", x: at, y: SIZE.height - SIZE.bottom + 14, "text-anchor": "middle" }, `${number(hour)} h`);
    }),
    svg("text", { class: "chart-mark", x: 2, y: 11 }, "mm/h"),
  );
}
