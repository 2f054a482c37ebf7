"""The limits of the model, said plainly."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twin.report.classes import Both

_ALWAYS: tuple[Both, ...] = (
    (
        "모델의 결과이며 예보나 안전 판정이 아닙니다. 입력 자료와 가정이 다르면 결과도 달라집니다.",
        "This is a model's result, not a forecast and no verdict on safety: with other inputs it would be another.",
    ),
    (
        "수심 등급의 경계(0.5, 1, 2, 5 m) 중 안쪽 값은 관행을 따른 가정입니다.",
        "The inner bounds of the depth classes (of 0.5, 1, 2 and 5 m) are customary, and an assumption.",
    ),
    (
        "파랑, 토사, 부유물, 지하 공간, 구조물의 파손은 따로 지정하지 않는 한 계산하지 않습니다.",
        "Waves, sediment, debris, underground spaces and the failure of structures are left out unless given.",
    ),
)
_INERTIAL: Both = (
    "국소 관성 기법은 운동량 이류를 생략합니다. 빠른 흐름(프루드 수 1 부근 이상)과 "
    "붕괴파 앞머리는 full 기법으로 확인하십시오.",
    "The local inertial scheme leaves the advection of momentum out: check fast flow (Froude numbers near 1 "
    "and above) and the front of a dam break with the full scheme.",
)


def of(told: Mapping[str, Any]) -> tuple[Both, ...]:
    """Return what limits the results of a run (`run.json`)."""
    cell = f"{told['cell_m']:g} m"
    out: list[Both] = [
        *_ALWAYS,
        (
            f"격자 {cell}보다 작은 지형(담장, 좁은 골목, 맨홀)은 시설물로 지정한 것만 반영됩니다.",
            f"What is smaller than a cell of {cell} (walls, lanes, manholes) counts only where it is given as a "
            "structure.",
        ),
    ]
    if told["scheme"] == "inertial":
        out.append(_INERTIAL)
    if not any(each.get("role") == "buildings" for each in told["inputs"]):
        out.append(
            (
                "건물을 지정하지 않았습니다. 물은 지형 자료에 있는 그대로의 지표를 흐릅니다.",
                "No buildings were given: the water runs over the ground as the terrain has it.",
            )
        )
    if not any(str(each.get("role", "")).startswith("drain") for each in told["inputs"]):
        out.append(
            (
                "하수관로를 지정하지 않았습니다. 우수 배제를 고려하지 않은 침수심입니다.",
                "No sewers were given: depths are those without street drains.",
            )
        )
    return tuple(out)
