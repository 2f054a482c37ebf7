// What the server says of a file, in Korean: reasons, how something was found, the warnings that come most often.
// What is not known here stays in English.
import type { Language } from "../texts.ts";

const PHRASES = new Map<string, string>([
  ["no geometry", "도형 없음"],
  ["empty geometry", "빈 도형"],
  ["geometry cannot be read", "도형을 읽을 수 없음"],
  ["a coordinate is not a number", "좌표가 숫자가 아님"],
  ["line of zero length", "길이가 0인 선"],
  ["polygon without area", "면적이 없는 면"],
  ["more vertices than allowed", "꼭짓점이 한도를 넘음"],
  ["polygon crosses itself too often to be repaired", "스스로 너무 많이 엇갈려 바로잡을 수 없는 면"],
  ["open ring closed", "열린 고리를 닫음"],
  ["self-crossing or overlapping rings repaired", "스스로 엇갈리거나 겹친 고리를 바로잡음"],
  ["repeated vertices removed", "거듭된 꼭짓점을 없앰"],
  ["curve turned into lines", "곡선을 꺾은선으로 바꿈"],
  ["surface of triangles or faces turned into polygons", "삼각형·면으로 된 곡면을 폴리곤으로 바꿈"],
  ["too intricate to be checked, redrawn on a grid of its own", "너무 복잡하여 격자 위에 다시 그림"],
  ["ring touching itself repaired", "스스로 닿는 고리를 바로잡음"],
  ["hole outside its polygon left out", "면 밖의 구멍을 뺌"],
  ["holes in holes merged", "구멍 안의 구멍을 합침"],
  ["parts inside other parts merged", "다른 부분 안의 부분을 합침"],
  ["polygon cut apart by its holes divided", "구멍이 가르는 면을 나눔"],
  ["repeated rings merged", "거듭된 고리를 합침"],
  ["ring of too few points left out", "점이 모자란 고리를 뺌"],
  ["split at the 180th meridian", "경도 180도에서 나눔"],
  ["outside the range of longitude and latitude", "경위도의 범위를 벗어남"],
  ["outside the area of its coordinate reference system", "좌표계의 적용 범위를 벗어남"],
  ["malformed GeoJSON geometry", "형식이 잘못된 GeoJSON 도형"],
  ["record lies beyond the end of the .shp", ".shp가 잘려 레코드가 없음"],
  ["shape record damaged or without points", "손상되었거나 점이 없는 도형 레코드"],
  ["picture laid on the ground, no feature", "지면에 깐 그림(객체가 아님)"],
  ["minutes or seconds of an angle are 60 or more", "각도의 분·초가 60 이상"],
  ["the signs of an angle contradict each other", "각도의 부호가 서로 어긋남"],
  ["no coordinates: the cells are blank", "좌표 칸이 비어 있음"],
  ["no coordinates: a row of totals", "합계 행(좌표 없음)"],
  ["a coordinate is out of range", "좌표가 범위를 벗어남"],
  ["coordinates are (0, 0), which marks a missing position", "좌표가 (0, 0): 위치가 없다는 표시"],
  ["not a national point number", "국가지점번호가 아님"],
  ["a geometry text cannot be read", "도형을 적은 글을 읽을 수 없음"],
  ["beyond the edge of Web Mercator (latitude 85.05°)", "웹 지도의 끝(위도 85.05°) 너머"],
  ["given by --crs", "옵션으로 정함"],
  ["given by --encoding", "옵션으로 정함"],
  ["no .cpg", ".cpg 없음"],
  ["the bytes agree", "바이트도 그와 맞음"],
  ["all text is plain ASCII", "모든 글자가 ASCII"],
  ["bytes are valid UTF-8", "바이트가 UTF-8로 올바름"],
  ["bytes are valid CP949", "바이트가 CP949로 올바름"],
  ["bytes are valid CP949 and not UTF-8", "바이트가 CP949로 올바르고 UTF-8은 아님"],
  ["bytes are neither UTF-8 nor CP949", "바이트가 UTF-8도 CP949도 아님"],
  ["XLSX is XML in Unicode", "XLSX는 유니코드"],
  ["without a datum they are taken as WGS 84", "측지계가 적혀 있지 않아 WGS 84로 봄"],
  ["none given", "적힌 것 없음"],
  ["of the systems we know only this one puts the coordinates in Seoul", "아는 좌표계 가운데 이것만 좌표가 서울에 놓임"],
  ["of the systems we know only this one puts the coordinates in Korea", "아는 좌표계 가운데 이것만 좌표가 한국에 놓임"],
  ["of the systems we know only this one puts the coordinates on the globe", "아는 좌표계 가운데 이것만 좌표가 지구 위에 놓임"],
  ["no coordinate reference system is given", "좌표계가 적혀 있지 않음"],
  ["the GeoTIFF file", "GeoTIFF 파일에 적힘"],
  ["taken for heights in metres", "미터 단위 표고로 봄"],
  ["if it is something else, say --kind data", "아니면 ‘래스터 종류’에서 고르십시오"],
  ["heights in feet were turned into metres", "피트 표고를 미터로 바꿈"],
]);

const PATTERNS: [RegExp, string][] = [
  [/^(.+): parameters of '(.+)' are those of (EPSG:\d+)$/, "$1: ‘$2’의 매개변수가 $3과 같음"],
  [/^(.+): '(.+)', Bessel ellipsoid without a datum, in Korea: datum Korean 1985$/, "$1: ‘$2’, 측지계가 적히지 않은 베셀 타원체, 한국 안: 동경 측지계(Korean 1985)"],
  [/^(EPSG:\d+) is a guess from the coordinates \((.+)\)$/, "$1은 좌표($2)로 짐작한 것"],
  [/^(EPSG:\d+) would be some 300 m off it$/, "$1이라면 300 m쯤 어긋남"],
  [/^columns '(.+)' and '(.+)' hold degrees$/, "‘$1’, ‘$2’ 열이 도 단위 좌표"],
  [/^no \.cpg, language id (0x\w+) names no code page$/, ".cpg 없음, 언어 표시 $1에는 인코딩이 없음"],
  [/^no \.cpg, language id (0x\w+) means (\S+)$/, ".cpg 없음, 언어 표시 $1은 $2"],
  [/^\.cpg says '(.*)'$/, ".cpg에 ‘$1’(이)라고 적힘"],
  [/^(\d+) of (\d+) texts are damaged: not valid (\S+), shown with �$/, "글 $2개 가운데 $1개가 손상됨($3 아님), �로 표시"],
];

/** `text` in the page's language; null where it is only there in English. */
export function inLanguage(text: string, language: Language): string | null {
  if (language === "en") return text;
  const whole = korean(text);
  if (whole) return whole;
  const parts = text.split("; ").map(korean);
  return parts.every((part) => part !== null) ? parts.join("; ") : null;
}

/** A phrase, also one with an example behind it: `no geometry: row 3`. */
function korean(text: string): string | null {
  const known = PHRASES.get(text);
  if (known) return known;
  for (const [pattern, words] of PATTERNS) if (pattern.test(text)) return text.replace(pattern, words);
  const start = [...PHRASES.keys()].find((phrase) => text.startsWith(`${phrase} (`) || text.startsWith(`${phrase}: `));
  return start ? `${PHRASES.get(start)}${text.slice(start.length)}` : null;
}
