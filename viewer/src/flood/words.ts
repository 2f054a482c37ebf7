// Amounts of floods as the reader's language writes them, and a run's progress in words.
import type { Run } from "./service.ts";
import type { FloodTextId, FloodVoice } from "./texts.ts";

/** Seconds of work as people say them. */
export function durationText(seconds: number, { say }: FloodVoice): string {
  if (seconds < 90) return say("seconds", { count: Math.max(1, Math.round(seconds)) });
  if (seconds < 5400) return say("minutes", { count: Math.round(seconds / 60) });
  return say("hours", { count: (seconds / 3600).toFixed(1) });
}

/** A volume in m³, or in millions of them. */
export function volumeText(cubicMetres: number, language: string): string {
  const large = Math.abs(cubicMetres) >= 1e6;
  if (Math.abs(cubicMetres) < 1e-6) return "0 m³";
  if (Math.abs(cubicMetres) < 0.01) return `${cubicMetres.toLocaleString(language, { maximumSignificantDigits: 2 })} m³`;
  const digits = large ? 3 : Math.abs(cubicMetres) >= 100 ? 0 : 2;
  const number = (large ? cubicMetres / 1e6 : cubicMetres).toLocaleString(language, { maximumFractionDigits: digits, minimumFractionDigits: large ? digits : 0 });
  return `${number} ${large ? (language === "ko" ? "백만 m³" : "million m³") : "m³"}`;
}

export function metresText(metres: number | null | undefined, language: string): string {
  if (metres === null || metres === undefined || !Number.isFinite(metres)) return "–";
  return `${metres.toLocaleString(language, { minimumFractionDigits: 2, maximumFractionDigits: 2 })} m`;
}

/** An area in m², or km². */
export function areaText(squareMetres: number | undefined, language: string): string {
  if (squareMetres === undefined) return "–";
  const large = squareMetres >= 1e5;
  const number = (large ? squareMetres / 1e6 : squareMetres).toLocaleString(language, { maximumFractionDigits: large ? 3 : 0 });
  return `${number} ${large ? "km²" : "m²"}`;
}

const DRY = /^nothing is flooded: the deepest water, ([\d.e-]+) m, stays below ([\d.e-]+) m/;

/** Why a run has nothing on the map. */
export function notPublishedWords({ notPublished }: Run, { say }: FloodVoice): string {
  const dry = DRY.exec(notPublished ?? "");
  if (dry) return say("nothingFlooded", { depth: dry[1] ?? "", least: dry[2] ?? "" });
  return notPublished?.startsWith("no member floods") ? say("noMemberFloods") : say("notPublished");
}

/** A relative error: `3.1 × 10⁻⁸`. */
export function errorText(error: number): string {
  if (error === 0) return "0";
  const [mantissa, exponent] = Math.abs(error).toExponential(1).split("e") as [string, string];
  const raised = String(Number(exponent)).replace(/./g, (digit) => RAISED[digit] ?? digit);
  return `${mantissa} × 10${raised}`;
}

const RAISED: Record<string, string> = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };

const TOLD = /^(?<time>[\d:.]+(?: s)?) of (?<end>[\d:.]+(?: s)?), (?<wet>[\d.,e+]+ (?:km²|m²)) wet, step [^,]+, volume error (?<error>[\d.e+-]+)(?:, about (?<left>[\d:.]+(?: s)?) left)?/;

/** What a running flood tells (twin/results/recorder.py) in the reader's language; anything else as it is. */
export function progressWords(message: string, progress: number, { say }: FloodVoice): string {
  const told = TOLD.exec(message)?.groups;
  if (!told) {
    if (STAGES[message]) return say(STAGES[message]);
    const members = MEMBERS.exec(message)?.groups;
    if (members) return say("membersDone", { done: members["done"] ?? "", all: members["all"] ?? "" });
    return progress >= PUBLISHING ? say("stagePublishing") : message;
  }
  const { time = "", end = "", wet = "", error = "0", left } = told;
  const words = say("progressTold", { time, end, wet, error: errorText(Number(error)) });
  return left ? `${words} ${say("progressLeft", { time: left })}` : words;
}

const MEMBERS = /^(?<done>\d+) of (?<all>\d+) members$/;

/** From here on the run's layers are made, in many steps with words of their own. */
const PUBLISHING = 0.85;

/** What jobs say that are not reckoning yet, or no more. */
const STAGES: Record<string, FloodTextId> = {
  "waiting for a worker": "stageWaiting",
  started: "stageReading",
  "reading the scenario": "stageReading",
  "writing the results": "stageWriting",
  publishing: "stagePublishing",
};
