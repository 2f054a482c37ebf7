// What a model's card says: its properties by the names that their schema gives, its own figures with units.
import type { Language } from "../texts.ts";

type Names = readonly [ko: string, en: string];

/** What every building's model says of itself (twin/models/attributes.py; the schema names them in Korean only). */
const BUILT: Record<string, Names> = {
  번호: ["번호", "Number"],
  "모형 높이": ["모형 높이 (m)", "Height of the model (m)"],
  "모형 높이의 출처": ["모형 높이의 출처", "Where that height is from"],
  지반고: ["지반고 (EL, m)", "Ground (EL, m)"],
  "지반고의 출처": ["지반고의 출처", "Where the ground is from"],
};
const SAID: Record<string, Names> = {
  field: ["자료의 높이", "the data's height"],
  floors: ["층수 × 3 m", "floors × 3 m"],
  assumed: ["1층으로 가정", "assumed: one storey"],
  terrain: ["지형(윤곽 아래 가장 낮은 곳)", "the terrain, lowest under the outline"],
  stated: ["입력값", "stated"],
};
const SOURCES = new Set(["모형 높이의 출처", "지반고의 출처"]);

/** Name and value of every property that has one. */
export function attributeRows(properties: Record<string, unknown>, names: ReadonlyMap<string, string>, language: Language): [name: string, value: string][] {
  const which = language === "ko" ? 0 : 1;
  return Object.entries(properties).flatMap(([id, value]): [string, string][] => {
    if (value === null || value === undefined || value === "") return [];
    const name = names.get(id) ?? id;
    const words = SOURCES.has(name) ? SAID[String(value)]?.[which] : undefined;
    return [[BUILT[name]?.[which] ?? name, words ?? plain(value, language)]];
  });
}

function plain(value: unknown, language: Language): string {
  if (typeof value === "boolean") return { ko: ["아니오", "예"], en: ["no", "yes"] }[language][Number(value)] as string;
  return typeof value === "number" ? String(Number(value.toFixed(3))) : String(value);
}
