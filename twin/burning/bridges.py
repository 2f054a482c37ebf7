"""Bridges that a survey of the ground has taken for ground are taken away again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from twin.burning.cells import Floats, Mask, inside
from twin.grid import Frame, Grid, Values


@dataclass(frozen=True)
class Deck:
    """A bridge's deck on the map: a polygon, in the frame's CRS."""

    id: str
    shape: Any  # shapely Polygon


@dataclass(frozen=True)
class Cleared:
    """The ground without decks."""

    values: Values
    cells: Mask  # that were under a deck, outside the channel
    left: tuple[str, ...]  # ids of decks beside which no ground is known: they stand as they were


def remove_decks(ground: Values, bed: Values, decks: Sequence[Deck], frame: Frame) -> Cleared:
    """Return the ground without bridges: under a deck, from the ground on both sides of it.

    In the channel nothing is done, for the bed stands there. Outside it each cell's height is interpolated
    linearly across the deck, between the ground one and a half cells off its two long sides: those that the
    river runs under, which are the pair of sides of the deck's smallest rectangle with more of the channel
    beneath. The ends of a deck are not asked: there is the road.
    """
    out, changed, left = ground.copy(), np.zeros(ground.shape, bool), list[str]()
    under = [inside([deck.shape], frame, touched=True) for deck in decks]
    every = np.logical_or.reduce(under) if under else changed
    open_ground = np.where(every, np.nan, np.where(np.isnan(bed), ground, bed))
    for deck, cells in zip(decks, under, strict=True):
        row, column = np.nonzero(cells & np.isnan(bed))
        heights = _between(Grid(open_ground, frame), deck, frame.x[column], frame.y[row], ~np.isnan(bed))
        known = ~np.isnan(heights)
        out[row[known], column[known]] = heights[known]
        changed[row[known], column[known]] = True
        if len(row) and not known.any():
            left.append(deck.id)
    return Cleared(out, changed, tuple(left))


def _between(surface: Grid, deck: Deck, x: Floats, y: Floats, channel: Mask) -> Floats:
    """Return heights at points under a deck, linear between the surface on its two sides."""
    corner, along, across, width = _sides(deck, channel, surface.frame)
    points = np.column_stack([x, y]) - corner
    s, t = points @ along, points @ across
    margin = 1.5 * surface.frame.cell_m
    first = _beside(surface, corner, s[:, None] * along, across, np.full(len(s), -margin), -1)
    second = _beside(surface, corner, s[:, None] * along, across, np.full(len(s), width + margin), 1)
    share = np.clip((t + margin) / (width + 2 * margin), 0, 1)
    both = first * (1 - share) + second * share
    out: Floats = np.where(np.isnan(both), np.where(np.isnan(first), second, first), both)
    return out


def _beside(surface: Grid, corner: Floats, foot: Floats, across: Floats, start: Floats, way: int) -> Floats:
    """Return the surface beside a deck; where it is not known there, from up to three cells farther away."""
    out = np.full(len(start), np.nan)
    for further in range(4):
        at = corner + foot + (start + way * further * surface.frame.cell_m)[:, None] * across
        found = surface.at(at[:, 0], at[:, 1])
        out = np.where(np.isnan(out), found, out)
    return out


def _sides(deck: Deck, channel: Mask, frame: Frame) -> tuple[Floats, Floats, Floats, float]:
    """Return a corner of the deck's smallest rectangle, the directions along and across it, and its width."""
    ring = np.asarray(deck.shape.minimum_rotated_rectangle.exterior.coords)[:4]
    one, other = ring[1] - ring[0], ring[3] - ring[0]
    lengths = float(np.hypot(*one)), float(np.hypot(*other))
    wet = [_wet(ring[0], one, other, channel, frame), _wet(ring[0], other, one, channel, frame)]
    first = wet[0] > wet[1] if wet[0] != wet[1] else lengths[0] >= lengths[1]
    along, across, width = (one, other, lengths[1]) if first else (other, one, lengths[0])
    return ring[0], along / np.hypot(*along), across / np.hypot(*across), width


def _wet(corner: Floats, side: Floats, offset: Floats, channel: Mask, frame: Frame) -> float:
    """Return how many metres of two opposite sides lie over the channel."""
    shares = np.linspace(0, 1, 101)[:, None]
    points = np.concatenate([corner + shares * side, corner + offset + shares * side])
    row, column = (np.rint(v).astype(int) for v in frame.place(points[:, 0], points[:, 1]))
    fits = (row >= 0) & (row < frame.rows) & (column >= 0) & (column < frame.columns)
    return float(channel[row[fits], column[fits]].sum()) / len(points) * 2 * float(np.hypot(*side))
