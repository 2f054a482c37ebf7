// Why it did not work, in the reader's words: every code of the server, what it means and what to do.
import { ApiError } from "../api.ts";
import { type Language, speaking } from "../texts.ts";
import { plainWords } from "../trouble.ts";
import type { Failure } from "./office.ts";
import type { Options } from "./sending.ts";

type Words = [ko: string, en: string];

const WORDS: Record<string, Words> = {
  BAD_INPUT: ["이 파일은 레이어가 될 수 없습니다.", "This file cannot become a layer."],
  FILE_MISSING: ["파일을 찾지 못했습니다. 다시 올리십시오.", "A file is missing. Upload it again."],
  FORMAT: [
    "읽을 수 있는 형식이 아니거나, 내용이 확장자와 다릅니다. 원본 프로그램에서 shp, GeoJSON, GeoPackage 등으로 내보내십시오.",
    "It is in no format that is read here, or not in the one its name says. Export it as shp, GeoJSON or GeoPackage.",
  ],
  FILE_DAMAGED: [
    "파일이 잘렸거나 손상되었습니다. 원본에서 다시 복사하거나 내보내십시오.",
    "The file is cut off or damaged. Copy or export it again.",
  ],
  ZIP: [
    "zip 파일에 문제가 있습니다(손상, 암호, 위험한 내용, 또는 읽을 것이 없음). 압축을 풀어 안의 파일을 직접 올리십시오.",
    "Something is wrong with the zip: damaged, encrypted, dangerous, or nothing in it to read. Unpack it and upload what is inside.",
  ],
  CRS_UNKNOWN: [
    "파일에 좌표계가 적혀 있지 않아, 좌표만으로는 어느 좌표계인지 정할 수 없습니다. 좌표계를 고르십시오.",
    "The file does not say its coordinate system, and the coordinates alone do not tell. Please choose it.",
  ],
  CRS_REFUSED: [
    "좌표가 적힌 좌표계와 맞지 않습니다. 좌표계를 바로 고르거나 .prj를 확인하십시오.",
    "The coordinates do not fit the coordinate system given. Choose the right one, or check the .prj.",
  ],
  COLUMNS_UNKNOWN: [
    "어느 열에 좌표가 있는지 정할 수 없습니다. x(경도)와 y(위도) 열을 고르십시오.",
    "It is not clear which columns hold the coordinates. Choose the columns of x (longitude) and y (latitude).",
  ],
  ENCODING: [
    "글자를 읽을 수 없습니다. 문자 인코딩을 고르거나, 파일을 UTF-8로 저장하십시오.",
    "The text cannot be read. Choose its encoding, or save the file as UTF-8.",
  ],
  NO_FEATURES: [
    "지도에 그릴 도형이나 좌표가 없습니다. 도형(좌표)과 함께 다시 내보내십시오.",
    "There is nothing with a place to draw. Export it again with its geometry or coordinates.",
  ],
  TOO_LARGE: [
    "파일이 처리 한도(크기, 메모리, 시간, 꼭짓점 수)를 넘습니다. 나누어 올리십시오.",
    "It goes over a limit of size, memory, time or vertices. Split it.",
  ],
  OPTION: ["이 파일에는 쓸 수 없는 옵션입니다. 표시한 칸을 확인하십시오.", "This file cannot follow one of the options."],
  PARSER_DIED: [
    "이 파일을 읽던 프로그램이 멈췄습니다. 다른 형식으로 내보내 올리십시오.",
    "The reader stopped on this file. Export it in another format.",
  ],
  SPEC: [
    "지형 설정 파일에 모르는 항목이 있거나, 빠졌거나, 쓸 수 없는 값이 있습니다. 메시지가 가리키는 항목을 고치십시오.",
    "A terrain file has a field that is unknown, missing or has an impossible value. The message names it.",
  ],
  SURVEY: [
    "측량 자료가 서로, 또는 하천·지형과 맞지 않습니다. 메시지가 가리키는 단면이나 행을 고치십시오.",
    "The survey contradicts itself, its river or its ground. The message names the section or the row.",
  ],
  DATUM: [
    "기준이 다른 높이가 섞였거나 높이 기준을 알 수 없습니다. 한 기준으로 맞추거나 지오이드 격자를 주십시오.",
    "Heights above different zeros would be mixed, or their datum is unknown. Give one datum, or a geoid grid.",
  ],
  FACILITY: [
    "시설 자료가 성립하지 않습니다. 메시지가 가리키는 시설과 항목을 고치십시오.",
    "A facility cannot be as it is said to be. The message names it and the field.",
  ],
  MODELS: [
    "3D 모형을 만들 수 없습니다. 윤곽이나 높이, 밑의 지형이 없습니다.",
    "No 3D models can be made: outlines, heights or the ground beneath are missing.",
  ],
  POINT_NUMBER: ["국가지점번호가 올바르지 않습니다. ‘다사 5392 5204’처럼 쓰십시오.", "A national point number is malformed."],
  LAYER_ID: ["레이어 id는 영문 소문자, 숫자, 하이픈만 쓸 수 있습니다.", "A layer id has small letters, digits and hyphens."],
  LAYER_EXISTS: ["같은 id의 레이어가 이미 있습니다. 다른 id를 쓰십시오.", "A layer of that id exists. Use another id."],
  LAYER_NOT_FOUND: ["레이어를 찾을 수 없습니다.", "There is no such layer."],
  VERSION_NOT_FOUND: ["되돌릴 버전이 없습니다.", "There is no such version to go back to."],
  PUBLISH_CONFLICT: [
    "그사이 같은 레이어가 다른 작업으로 게시되었습니다. 다시 게시하십시오.",
    "The same layer was published by another job meanwhile. Publish again.",
  ],
  STORAGE: ["서버가 파일을 저장하지 못했습니다. 관리자에게 알리십시오.", "The server could not keep the file. Tell its administrator."],
  NO_SPACE: ["서버에 저장 공간이 부족합니다. 관리자에게 알리십시오.", "The server's disk is full. Tell its administrator."],
  ARCHIVE_DAMAGED: ["서버에 저장된 자료가 손상되었습니다. 관리자에게 알리십시오.", "Data kept on the server is damaged. Tell its administrator."],
  JOB_NOT_FOUND: ["작업을 찾을 수 없습니다.", "There is no such job."],
  JOB_LOST: ["작업이 취소되었거나 다른 곳에서 처리되었습니다.", "The job was cancelled or taken over."],
  UPLOAD_SIZE: ["서버가 받는 크기를 넘습니다. 나누거나 zip으로 묶으십시오.", "It is larger than the server takes. Split it, or pack it as a zip."],
  UPLOAD_NOT_FOUND: ["올리던 파일이 서버에서 지워졌습니다. 다시 올리십시오.", "The unfinished upload is gone. Begin again."],
  UPLOAD_OFFSET: ["이어 올릴 위치가 맞지 않습니다. 다시 올리십시오.", "The upload cannot be continued. Begin again."],
  UPLOAD_BUSY: ["같은 파일을 이미 올리는 중입니다.", "The same upload is being sent already."],
  BAD_REQUEST: ["잘못된 값이 있습니다. 표시한 칸을 고치십시오.", "A value is not what it can be. Please correct it."],
  KEY_MISSING: ["관리 키를 넣으십시오.", "Enter a managing key."],
  KEY_INVALID: ["키가 맞지 않거나 폐기되었습니다. 다시 확인하십시오.", "The key is wrong or was revoked. Please check it."],
  KEY_NOT_FOUND: ["그런 키가 없거나, 이 키로는 볼 수 없습니다.", "There is no such key, or not for this one to see."],
  KEY_EXPIRED: ["키의 기한이 지났습니다. 새 키를 받으십시오.", "The key has expired. Ask for a new one."],
  SCOPE: ["이 키로는 할 수 없는 일입니다. ‘manage’ 기능과 레이어 권한이 있는 키를 받으십시오.", "This key may not do that. Ask for one with the function “manage” and access to the layer."],
  REFERRER: ["이 키는 다른 웹사이트에만 쓸 수 있습니다.", "This key is for other web sites only."],
  IP: ["이 키는 다른 네트워크에만 쓸 수 있습니다.", "This key is for other networks only."],
  EXPORT_LIMIT: [
    "파일 하나에 담기에는 너무 많습니다. 기간이나 조건을 좁히십시오.",
    "It is too much for one file. Choose a shorter period, or narrow it down.",
  ],
  ERROR: ["서버에서 오류가 났습니다. 관리자에게 알리십시오.", "The server failed. Tell its administrator."],
  FAULT: ["서버에서 오류가 났습니다. 관리자에게 알리십시오.", "The server failed. Tell its administrator."],
};

/** A field of the form that an error of this code is about, where the error does not name one itself. */
const FIELDS: Record<string, string> = {
  CRS_UNKNOWN: "crs",
  CRS_REFUSED: "crs",
  COLUMNS_UNKNOWN: "x",
  ENCODING: "encoding",
  LAYER_ID: "id",
  LAYER_EXISTS: "id",
};

/** What is shown of a failure. `detail` and `places` are the server's own words, which are English. */
export interface Trouble {
  words: string;
  detail: string;
  places: string[];
  /** The option to look at, if it is one. */
  field: string | null;
  /** Options that would help, each a whole answer to the question. */
  suggestions: Options[];
}

/** A failed job in words. */
export function jobTrouble(failure: Failure, language: Language): Trouble {
  const { code, message, remedy, file, layer, feature, field } = failure;
  const named = code === "BAD_REQUEST" || code === "OPTION" ? field : null;
  return {
    words: wordsFor(code, language) ?? message,
    detail: `${message.replace(/\.$/, "")}. ${remedy}`.trim(),
    places: [file, layer, feature, field].filter((place): place is string => Boolean(place)),
    field: FIELDS[code] ?? named,
    suggestions: suggestions(failure),
  };
}

/** A refused request or a broken line in words. */
export function requestTrouble(error: unknown, language: Language): Trouble {
  const refused = error instanceof ApiError ? error : null;
  const words = refused?.code ? wordsFor(refused.code, language) : null;
  return {
    words: words ?? plainWords(error, speaking(language)),
    detail: refused && refused.status > 0 ? refused.detail : "",
    places: [],
    field: refused?.field ?? null,
    suggestions: [],
  };
}

/** The sentence for a code, if it is one that we know. */
export function wordsFor(code: string, language: Language): string | null {
  return WORDS[code]?.[language === "ko" ? 0 : 1] ?? null;
}

/** What the error offers to choose from: coordinate systems, or pairs of columns. */
export function suggestions({ code, message, remedy }: Failure): Options[] {
  if (code === "CRS_UNKNOWN" || code === "CRS_REFUSED") {
    return [...remedy.matchAll(/--crs ((?:EPSG|ESRI):\d+)/g)].map(([, crs]) => ({ crs: crs ?? "" }));
  }
  if (code !== "COLUMNS_UNKNOWN") return [];
  const pairs = [...message.matchAll(/'([^']+)' and '([^']+)'/g)].map(([, x, y]) => ({ x: x ?? "", y: y ?? "" }));
  const named = /--x "?([^"]+?)"? --y "?([^"]+?)"?\.?$/.exec(remedy);
  return pairs.length > 0 || !named ? pairs : [{ x: named[1] ?? "", y: named[2] ?? "" }];
}
