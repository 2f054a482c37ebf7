// How long a run may take: from a run of the same scheme that was measured on this server, else from plain figures.
import type { Draft } from "./draft.ts";
import { cellCount } from "./geo.ts";
import type { Run } from "./service.ts";

/** Cells × steps per second of one core with about a third of the cells wet, before any run was measured here. */
const USUAL_RATE = { inertial: 1.5e8, full: 3e7 } as const;
/** Steps per simulated second on cells of one metre: of waves in water 2 m deep, at the schemes' Courant numbers. */
const USUAL_STEPS = { inertial: 4.4 / 0.7, full: 4.4 / 0.45 } as const;
const START_S = 3;

export interface Estimate {
  cells: number;
  seconds: number;
  /** Whether a run on this server was measured. */
  measured: boolean;
}

/** null while there is no domain. */
export function estimate({ box, cell, hours, scheme }: Draft, runs: readonly Run[]): Estimate | null {
  if (!box || !(cell > 0) || !(hours > 0)) return null;
  const cells = cellCount(box, cell);
  const known = runs.map(({ facts }) => facts).find((facts) => facts?.scheme === scheme && facts.kind !== "ensemble" && facts.cell_steps_per_second && facts.steps && facts.duration_s && facts.cell_m);
  const steps = known
    ? ((known.steps as number) / (known.duration_s as number)) * ((known.cell_m as number) / cell) * hours * 3600
    : (USUAL_STEPS[scheme] / cell) * hours * 3600;
  const rate = (known?.cell_steps_per_second as number | undefined) ?? USUAL_RATE[scheme];
  return { cells, seconds: START_S + (cells * steps) / rate, measured: known !== undefined };
}
