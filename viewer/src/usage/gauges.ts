// How much of its quotas a key has used.
import { countText } from "../amounts.ts";
import { el } from "../dom.ts";
import type { Voice } from "../ui/office-page.ts";
import type { Allowance, Mine } from "./ledger.ts";
import type { UsageTextId, UsageTranslate } from "./texts.ts";

const NEARLY = 0.8;

export function gauges({ day, month, second }: Mine["quota"], voice: Voice<UsageTextId>): HTMLElement[] {
  const { say, language } = voice;
  const made = [
    ...(day ? [gauge("quotaDay", day, voice)] : []),
    ...(month ? [gauge("quotaMonth", month, voice)] : []),
  ];
  if (made.length === 0) made.push(el("p", {}, say("quotaUnlimited")));
  if (second) made.push(el("p", { class: "quiet" }, say("quotaSecond", { count: countText(second, language) })));
  return made;
}

function gauge(title: UsageTextId, { limit, used, left, resets_in_s }: Allowance, voice: Voice<UsageTextId>): HTMLElement {
  const { say, language } = voice;
  const time = duration(resets_in_s, say);
  const share = limit > 0 ? used / limit : 1;
  const amount = say("quotaUsed", { used: countText(used, language), limit: countText(limit, language) });
  const rest = left > 0 ? say("quotaLeft", { left: countText(left, language), time }) : say("quotaOut", { time });
  const state = left <= 0 ? "out" : share >= NEARLY ? "nearly" : "fine";
  const bar = el("progress", { max: limit, value: Math.min(used, limit), "aria-label": `${say(title)}: ${amount}` });
  const head = el("p", { class: "gauge-head" }, el("span", {}, say(title)), el("strong", {}, amount));
  return el("div", { class: "gauge", "data-state": state }, head, bar, el("p", { class: "gauge-rest" }, rest));
}

/** A length of time in its largest fitting unit, rounded up. */
export function duration(seconds: number, say: UsageTranslate): string {
  if (seconds < 90) return say("duration_seconds", { count: Math.ceil(seconds) });
  if (seconds < 5400) return say("duration_minutes", { count: Math.ceil(seconds / 60) });
  if (seconds < 172_800) return say("duration_hours", { count: Math.ceil(seconds / 3600) });
  return say("duration_days", { count: Math.ceil(seconds / 86_400) });
}
