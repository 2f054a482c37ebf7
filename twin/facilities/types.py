"""The seven types of facilities, by name, and how else people call them."""

from __future__ import annotations

from collections.abc import Mapping

from twin.facilities.openings import Bridge, Culvert, SluiceGate, Weir
from twin.facilities.records import Facility
from twin.facilities.schema import Field, fields_of
from twin.facilities.storage import Levee, PumpStation, RetentionBasin

TYPES: Mapping[str, type[Facility]] = {
    record.type: record for record in (Weir, SluiceGate, Culvert, PumpStation, Levee, Bridge, RetentionBasin)
}
FIELDS: Mapping[str, Mapping[str, Field]] = {name: fields_of(record) for name, record in TYPES.items()}
ALIASES: Mapping[str, str] = {
    "gate": "sluice_gate",
    "배수문": "sluice_gate",
    "육갑문": "sluice_gate",
    "가동보": "sluice_gate",
    "고정보": "weir",
    "배수통문": "culvert",
    "통관": "culvert",
    "pump": "pump_station",
    "펌프장": "pump_station",
    "빗물펌프장": "pump_station",
    "둑": "levee",
    "dike": "levee",
    "다리": "bridge",
    "basin": "retention_basin",
    "저류지": "retention_basin",
}
