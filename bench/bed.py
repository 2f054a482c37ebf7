"""How near does the interpolated bed come to one that is known everywhere?

Rivers of `bench/rivers.py`, four truths, so many seeds of each, sections 1, 2, 3 and 5 widths apart. Compared:

- naru: `interpolate_bed` with `method: auto`, as `naru twin terrain` uses it; and each of its methods
- plain: linear at equal u, with s and n from the nearest place on the centre line as it was surveyed
- in plan: TIN; IDW; ordinary kriging (exponential variogram, fitted)
- in (s, n): elliptical IDW; ordinary kriging with anisotropy (exponential variogram, fitted)

The comparators' parameters are chosen by leave-one-section-out on the survey, as naru's method is. Exit code 1
where on the first two truths naru's mean RMSE is above that of linear (naru's or plain) at any spacing, above 1.05
of it at any seed, or above half of the best in plan, or the bed misses the survey by more than
its noise.

    python -m bench.bed [--seeds 4] [--cells 10000000]
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import LinearNDInterpolator, NearestNDInterpolator
from scipy.optimize import curve_fit
from scipy.spatial import cKDTree

from bench.rivers import TRUTHS, WIDTH, Axis, River, river, survey
from twin.bed.interpolate import interpolate_bed, parted
from twin.bed.records import METHODS
from twin.bed.scores import choose, leave_out
from twin.grid import Frame
from twin.survey.records import Floats, Survey

SPACINGS = (1, 2, 3, 5)
STANDING = TRUTHS[:2]  # the truths that limits are held on
MEAN, WORST, NOISE_M, PLAN = 1.0, 1.05, 0.15, 0.5
_NEIGHBOURS = 32
Find = Callable[[Floats, Floats, Floats], Floats]  # points, their heights, wanted points: heights


@dataclass(frozen=True)
class Case:
    """One survey, and places at which the bed is known."""

    survey: Survey
    xy: Floats
    sn: Floats
    truth: Floats


def rmse(error: Floats) -> float:
    return float(np.sqrt(np.mean(error**2)))


def frame(of: Survey, cell_m: float) -> Frame:
    points = np.concatenate([line for reach in of.reaches for line in (reach.left_bank, reach.right_bank)])
    (west, south), (east, north) = points.min(axis=0) - 50, points.max(axis=0) + 50
    rows, columns = int((north - south) / cell_m) + 1, int((east - west) / cell_m) + 1
    return Frame(west, north, cell_m, rows, columns, of.crs)


def tin(points: Floats, z: Floats, wanted: Floats) -> Floats:
    found = LinearNDInterpolator(points, z)(wanted)
    return np.where(np.isnan(found), NearestNDInterpolator(points, z)(wanted), found)


def idw(power: float) -> Find:
    def find(points: Floats, z: Floats, wanted: Floats) -> Floats:
        apart, which = cKDTree(points).query(wanted, k=min(_NEIGHBOURS, len(z)))
        share = 1 / np.maximum(apart, 1e-3) ** power
        return (share * z[which]).sum(axis=1) / share.sum(axis=1)

    return find


def stretched(find: Find, ratio: float) -> Find:
    """Return a method in coordinates whose first counts so many times less."""
    by = np.array([1 / ratio, 1.0])
    return lambda points, z, wanted: find(points * by, z, wanted * by)


def variogram(points: Floats, z: Floats) -> tuple[float, float, float]:
    """Return nugget, sill and range of an exponential model, fitted to the binned half squared differences."""
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, len(z), (2, 60_000))
    apart, half = np.hypot(*(points[a] - points[b]).T), (z[a] - z[b]) ** 2 / 2
    edges = np.linspace(0, np.quantile(apart, 0.5), 16)
    number = np.digitize(apart, edges)
    bins = [k for k in range(1, 16) if (number == k).sum() > 20]
    at = np.array([apart[number == k].mean() for k in bins])
    level = np.array([half[number == k].mean() for k in bins])
    start = (0.01, float(level.max()), float(at.max() / 2))
    bounds = ([0, 1e-6, 1.0], [float(level.max()), 10 * float(level.max()), 10 * float(at.max())])

    def model(h: Floats, nugget: float, sill: float, reach: float) -> Floats:
        return nugget + sill * (1 - np.exp(-3 * h / reach))

    fitted, _ = curve_fit(model, at, level, start, bounds=bounds)
    return float(fitted[0]), float(fitted[1]), float(fitted[2])


def kriging(longer: float) -> Find:
    """Return ordinary kriging of the nearest points, the range, fitted at first use, made longer."""
    fit: list[tuple[float, float, float]] = []

    def find(points: Floats, z: Floats, wanted: Floats) -> Floats:
        if not fit:
            fit.append(variogram(points, z))
        nugget, sill, reach = fit[0][0], fit[0][1], fit[0][2] * longer
        count = min(_NEIGHBOURS, len(z))
        _, which = cKDTree(points).query(wanted, k=count)
        near = points[which]
        left = np.ones((len(wanted), count + 1, count + 1))
        between = np.linalg.norm(near[:, :, None] - near[:, None], axis=-1)
        left[:, :count, :count] = sill * np.exp(-3 * between / reach) + (nugget + 1e-6) * np.eye(count)
        left[:, count, count] = 0
        right = np.ones((len(wanted), count + 1, 1))
        right[:, :count, 0] = sill * np.exp(-3 * np.linalg.norm(near - wanted[:, None], axis=-1) / reach)
        share = np.linalg.solve(left, right)[:, :count, 0]
        return (share * z[which]).sum(axis=1)

    return find


IN_PLAN = ("TIN", "IDW", "kriging in plan")
ALONG = ("elliptical IDW", "anisotropic kriging")


def choices() -> dict[str, tuple[str, list[Find]]]:
    """Return the comparators for one survey: coordinates, and what to choose from."""
    return {
        "TIN": ("xy", [tin]),
        "IDW": ("xy", [idw(power) for power in (1, 2, 3, 4)]),
        "kriging in plan": ("xy", [kriging(longer) for longer in (0.5, 1, 2, 4)]),
        "elliptical IDW": ("sn", [stretched(idw(p), r) for p in (2, 3, 4) for r in (2, 4, 8, 16)]),
        "anisotropic kriging": ("sn", [stretched(kriging(m), r) for m in (1, 3) for r in (2, 4, 8, 16)]),
    }


def left_out(find: Find, sections: list[tuple[Floats, Floats]]) -> float:
    """Return the RMSE at sections left out in turn."""
    errors = []
    for k in range(1, len(sections) - 1):
        rest = sections[:k] + sections[k + 1 :]
        points, z = (np.concatenate(parts) for parts in zip(*rest, strict=True))
        errors.append(find(points, z, sections[k][0]) - sections[k][1])
    return rmse(np.concatenate(errors))


def plain(case: Case) -> Floats:
    """Return the bed linear along s at equal u, with s, n and half widths from the surveyed lines themselves."""
    reach = case.survey.reaches[0]
    at = Nearest(reach.centreline)
    halves = []
    for bank in (reach.left_bank, reach.right_bank):
        s, n = at(bank)
        order = np.argsort(s)
        halves.append((s[order], np.abs(n[order])))

    def place(xy: Floats) -> tuple[Floats, Floats]:
        s, n = at(xy)
        return s, n / np.where(n < 0, np.interp(s, *halves[0]), np.interp(s, *halves[1]))

    rows = []
    for section in reach.sections:
        s, u = place(np.stack((section.x, section.y), axis=-1))
        order = np.argsort(u)
        rows.append((u[order], s[order], section.z[order]))
    s, u = place(case.xy)
    along = np.array([np.interp(u, row[0], row[1]) for row in rows])
    height = np.array([np.interp(u, row[0], row[2]) for row in rows])
    k, every = np.clip((along <= s).sum(axis=0) - 1, 0, len(rows) - 2), np.arange(len(s))
    t = np.clip((s - along[k, every]) / (along[k + 1, every] - along[k, every]), 0, 1)
    return height[k, every] * (1 - t) + height[k + 1, every] * t


class Nearest:
    """Places along and beside a polyline: chainage and signed distance, to the right positive."""

    def __init__(self, line: Floats) -> None:
        self.line, steps = line, np.diff(line, axis=0)
        self.length = np.hypot(*steps.T)
        self.way = steps / self.length[:, None]
        self.begin = np.concatenate(([0.0], np.cumsum(self.length)[:-1]))

    def __call__(self, xy: Floats) -> tuple[Floats, Floats]:
        """Return both for points (n, 2)."""
        delta = xy[:, None] - self.line[:-1]
        along = np.clip((delta * self.way).sum(axis=-1), 0, self.length)
        off = delta - along[..., None] * self.way
        best, every = np.argmin((off**2).sum(axis=-1), axis=1), np.arange(len(xy))
        side = delta[every, best, 0] * self.way[best, 1] - delta[every, best, 1] * self.way[best, 0]
        return self.begin[best] + along[every, best], np.copysign(np.hypot(*off[every, best].T), side)


def measure(truth: str, spacing: int, seed: int) -> dict[str, float]:
    """Return RMSE by method, of one survey of one river, at the same cells for all."""
    of = river(truth, seed)
    surveyed = survey(of, spacing, seed)
    where = frame(surveyed, 20.0)
    parts = parted(surveyed)
    part = parts[0]
    x, y = np.meshgrid(where.x, where.y)
    s, u = part.along.locate(x.ravel(), y.ravel())
    inside = np.abs(Axis(of).coordinates(x, y)[1]) <= 1
    beds = {method: part.shapes.bed(s, u, method)[0] for method in METHODS}
    keep = ~np.isnan(beds["linear"]) & inside
    case = _case(of, surveyed, np.stack((x.ravel(), y.ravel()), axis=-1)[keep], (s[keep], u[keep]))
    out = {method: rmse(bed[keep] - case.truth) for method, bed in beds.items()}
    out["naru"] = out[choose(leave_out(parts, METHODS))]
    out["plain"] = rmse(plain(case) - case.truth)
    half = part.along.width_m / 2
    for name, (space, methods) in choices().items():
        sections = []
        for section in surveyed.sections:
            points = np.stack((section.x, section.y), axis=-1)
            s, u = part.along.locate(section.x, section.y)
            known = ~np.isnan(s)
            sections.append(
                (points[known] if space == "xy" else np.stack((s, u * half), -1)[known], section.z[known])
            )
        best = min(methods, key=lambda find: left_out(find, sections)) if len(methods) > 1 else methods[0]
        points, z = (np.concatenate(values) for values in zip(*sections, strict=True))
        wanted = case.xy if space == "xy" else case.sn * np.array([1.0, half])
        out[name] = rmse(best(points, z, wanted) - case.truth)
    out["deviation"] = interpolate_bed(surveyed, where, "kriging").deviation_m
    return out


def _case(of: River, surveyed: Survey, xy: Floats, su: tuple[Floats, Floats]) -> Case:
    s, u = Axis(of).coordinates(xy[:, 0], xy[:, 1])
    return Case(surveyed, xy, np.stack(su, axis=-1), of.bed(s, u))


def compare(seeds: int) -> bool:
    """Print the tables; return True where a limit is missed."""
    names = ["naru", "plain", *METHODS, *IN_PLAN, *ALONG]
    missed = False
    for truth in TRUTHS:
        print(f"\n{truth}: RMSE in m, mean of {seeds} seeds\n")
        print(f"| widths apart | {' | '.join(names)} | ÷ linear | worst | ÷ best in plan | off the survey |")
        print("|" + "---|" * (len(names) + 5))
        for spacing in SPACINGS:
            rows = [measure(truth, spacing, seed) for seed in range(seeds)]
            mean = {name: float(np.mean([row[name] for row in rows])) for name in names}
            linear = [min(row["linear"], row["plain"]) for row in rows]
            ratio = mean["naru"] / min(mean["linear"], mean["plain"])
            worst = max(row["naru"] / best for row, best in zip(rows, linear, strict=True))
            plan = mean["naru"] / min(mean[name] for name in IN_PLAN)
            off = max(row["deviation"] for row in rows)
            figures = " | ".join(f"{mean[name]:.3f}" for name in names)
            print(f"| {spacing} | {figures} | {ratio:.3f} | {worst:.3f} | {plan:.2f} | {off:.0e} |", flush=True)
            missed |= off > NOISE_M or (truth in STANDING and (ratio > MEAN or worst > WORST))
            missed |= truth in STANDING and plan > PLAN
    return missed


def speed(cells: int) -> None:
    """Print what one bed on a frame of so many cells costs; called in a process of its own."""
    surveyed = survey(river("random", 0), 2, 0)
    west, south, east, north = frame(surveyed, 1.0).bounds
    where = frame(surveyed, ((east - west) * (north - south) / cells) ** 0.5)
    interpolate_bed(surveyed, frame(surveyed, 20.0))  # compile
    before = resource.getrusage(resource.RUSAGE_SELF)
    start = time.perf_counter()
    bed = interpolate_bed(surveyed, where)
    wall = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_SELF)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        f"\n{where.rows * where.columns} cells of {where.cell_m:.2f} m, {bed.mask.sum()} of them in the channel: "
        f"{wall:.1f} s, {spent:.1f} s CPU, {bed.mask.sum() / spent / 1e6:.2f} million channel cells a CPU second, "
        f"peak {after.ru_maxrss / 1024:.0f} MiB ({before.ru_maxrss / 1024:.0f} MiB before)"
    )


def main(words: list[str]) -> int:
    """Measure and print; return 1 where a limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--cells", type=int, default=10_000_000)
    parser.add_argument("--speed-only", action="store_true")
    options = parser.parse_args(words)
    if options.speed_only:
        speed(options.cells)
        return 0
    print(f"Channel {WIDTH:.0f} m wide; limits: mean ÷ linear {MEAN}, worst {WORST}, off the survey {NOISE_M} m")
    missed = compare(options.seeds)
    subprocess.run([sys.executable, "-m", "bench.bed", "--speed-only", "--cells", str(options.cells)], check=True)
    return int(missed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
