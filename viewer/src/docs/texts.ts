// Every word that the docs page says of itself; what it says of the API comes from /openapi.json.
import { filled, type Language } from "../texts.ts";

const KO = {
  title: "나루 API 문서",
  skip: "본문으로 건너뛰기",
  toMap: "지도",
  key: "사용할 키",
  otherLanguage: "English",
  contents: "차례",
  loading: "불러오는 중…",
  failed: "API 설명을 불러오지 못했습니다: {detail}",
  machine: "기계가 읽는 설명",
  other: "기타",
  parameters: "매개변수",
  name: "이름",
  where: "위치",
  type: "형식",
  description: "설명",
  required: "필수",
  body: "요청 본문",
  responses: "응답",
  status: "상태",
  schemas: "자료형",
  authentication: "인증",
  tryIt: "실행해 보기",
  send: "보내기",
  sending: "보내는 중…",
  answer: "{status} · {bytes}바이트 · {ms}ms",
  binary: "{type}: 이진 자료 {bytes}바이트",
  unreachable: "서버에 연결할 수 없습니다.",
  missing: "{names} 값을 넣으십시오.",
  default: "기본값 {value}",
  oneOf: "다음 중 하나: {values}",
};

export type DocsTextId = keyof typeof KO;

const EN: Record<DocsTextId, string> = {
  title: "Naru API docs",
  skip: "Skip to content",
  toMap: "Map",
  key: "Key to use",
  otherLanguage: "한국어",
  contents: "Contents",
  loading: "Loading…",
  failed: "The description of the API could not be loaded: {detail}",
  machine: "For machines",
  other: "Other",
  parameters: "Parameters",
  name: "Name",
  where: "In",
  type: "Type",
  description: "Description",
  required: "required",
  body: "Request body",
  responses: "Responses",
  status: "Status",
  schemas: "Schemas",
  authentication: "Authentication",
  tryIt: "Try it",
  send: "Send",
  sending: "Sending…",
  answer: "{status} · {bytes} bytes · {ms} ms",
  binary: "{type}: {bytes} bytes of binary data",
  unreachable: "The server cannot be reached.",
  missing: "Please fill in {names}.",
  default: "default {value}",
  oneOf: "one of {values}",
};

export type DocsTranslate = (id: DocsTextId, values?: Record<string, string | number>) => string;

export function speakingDocs(language: Language): DocsTranslate {
  const texts = { ko: KO, en: EN }[language];
  return (id, values = {}) => filled(texts[id], values);
}
