// What the page with the 3D scene says.
import type { Language } from "../texts.ts";
import { filled } from "../texts.ts";

const KO = {
  title: "3D 장면 — 나루",
  titleOf: "{title} · 3D 장면 — 나루",
  heading: "3D 장면",
  skip: "장면으로 건너뛰기",
  toMap: "지도",
  otherLanguage: "English",
  scene: "3D 장면",
  sceneHelp: "3D 장면. 화살표로 움직이고, Shift와 화살표로 돌며, +, −로 다가가고 물러나고, Enter로 가운데 물체의 자료를 봅니다.",
  loading: "3D 장면을 불러오는 중…",
  ready: "{title}의 3D 장면을 그렸습니다.",
  picture: "지면 그림",
  noPicture: "없음",
  models: "모형",
  exaggeration: "높이 과장",
  times: "{factor}배",
  choices: "보기",
  home: "처음 시점으로",
  zoomIn: "다가가기",
  zoomOut: "물러나기",
  close: "닫기",
  attributes: "속성",
  nothing: "가운데에 모형이 없습니다.",
  features: "모형 목록",
  featureSearch: "이름으로 찾기",
  featuresCount: "{count}개",
  featuresMore: "{count}개 가운데 {shown}개. 이름을 더 적어 좁히십시오.",
  picked: "{layer}: {name}",
  unnamed: "이름 없음",
  noLayer: "3D로 볼 수 있는 레이어가 없습니다. 지형 메시는 ‘naru twin mesh 레이어’로, 모형은 ‘naru twin models 레이어’로 만듭니다.",
  choose: "레이어 고르기",
  heights: "높이: {datum}. 표고(EL)에 지오이드고 {metres} m를 더한 타원체고로 그립니다.",
  heightsPlain: "높이: {datum}",
  webgl: "이 브라우저에서는 3D 장면을 그릴 수 없습니다(WebGL 2 필요). 최신 브라우저에서 하드웨어 가속을 켜 주십시오.",
  missing: "모형 일부를 불러오지 못했습니다: {detail}",
};

export type SceneTextId = keyof typeof KO;

const EN: Record<SceneTextId, string> = {
  title: "3D scene — Naru",
  titleOf: "{title} · 3D scene — Naru",
  heading: "3D scene",
  skip: "Skip to the scene",
  toMap: "Map",
  otherLanguage: "한국어",
  scene: "3D scene",
  sceneHelp: "3D scene. Arrow keys move, with Shift they turn, + and − come closer and go away, Enter shows the data of what is in the middle.",
  loading: "Loading the 3D scene…",
  ready: "The 3D scene of {title} is drawn.",
  picture: "Picture on the ground",
  noPicture: "none",
  models: "Models",
  exaggeration: "Exaggeration",
  times: "{factor}×",
  choices: "View",
  home: "First view",
  zoomIn: "Closer",
  zoomOut: "Further away",
  close: "Close",
  attributes: "Attributes",
  nothing: "There is no model in the middle.",
  features: "List of models",
  featureSearch: "Find by name",
  featuresCount: "{count} found",
  featuresMore: "{shown} of {count}: type more of the name.",
  picked: "{layer}: {name}",
  unnamed: "Unnamed",
  noLayer: "No layer can be shown in 3D. `naru twin mesh LAYER` makes a terrain mesh, `naru twin models LAYER` makes models.",
  choose: "Choose a layer",
  heights: "Heights: {datum}; drawn on the ellipsoid, the geoid being {metres} m above it.",
  heightsPlain: "Heights: {datum}",
  webgl: "This browser cannot draw the 3D scene (WebGL 2 is needed). Use a current browser with hardware acceleration on.",
  missing: "Some of the models could not be loaded: {detail}",
};

const TEXTS: Record<Language, Record<SceneTextId, string>> = { ko: KO, en: EN };

export type SayScene = (id: SceneTextId, values?: Record<string, string | number>) => string;

export function speakingScene(language: Language): SayScene {
  return (id, values = {}) => filled(TEXTS[language][id], values);
}
