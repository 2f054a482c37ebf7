"""What passes every face in one step: limited reconstruction, half a step ahead, hydrostatic steps, HLLC.

Equations: MUSCL-Hancock in primitive variables (van Leer 1984; Toro 2001, §11.4) of surface, depth and velocity; at
the faces the hydrostatic reconstruction of Audusse et al. (2004, SIAM J. Sci. Comput. 25:2050) with the bed of
Chen & Noelle (2017, SIAM J. Numer. Anal. 55:758), by which thin films run down steep steps;
HLLC after Toro (2001, §10.4): HLL for mass and normal momentum, the contact carries the transverse momentum.
A face that is shut, or beyond which the bed rises steeply above the surface, reflects.

All differences are taken before sums: of beds, then of depths, so that float32 keeps still water still. What a cell
feels is stored less g·h²/2 of its own depth, so that nothing remains where nothing moves.

Work goes row by row in one buffer whose slots lie at fixed distances: the compiler sees that they are apart, and
runs the loops on vectors. Local column k of a strip is column c0 - 2 + k.
"""

from __future__ import annotations

import numpy as np

from naru.kernel import fast_inner, fast_kernel
from twin.grid import Values

STRIP = 256  # columns that a strip has at most
_W = STRIP + 16
# rows above, here and below: depth, velocity east and south, bed; friction here and below
_HA, _HB, _HC, _UA, _UB, _UC, _VA, _VB, _VC, _ZA, _ZB, _ZC, _KB, _KC = (i * _W for i in range(14))
# open faces: west of a cell, north and south of it
_MX, _MN, _MS = (i * _W for i in range(14, 17))
# half a step ahead, of the row here: depth, velocity, what the depth's change adds to pressure; slopes in x and y
_PH, _PU, _PV, _PP, _XH, _XE, _XU, _XV, _YH, _YE, _YU, _YV = (i * _W for i in range(17, 29))
# the same of the row above, as its south face needs it
_AH, _AU, _AV, _AP, _BH, _BE, _BU, _BV = (i * _W for i in range(29, 37))
# at faces: depth, normal and transverse velocity, own terms on either side; rise of the bed; open; results
_LH, _LU, _LV, _LE, _RH, _RU, _RV, _RE, _DZ, _FM, _F0, _F1, _F2, _F3 = (i * _W for i in range(37, 51))
_LW, _RW = 51 * _W, 52 * _W  # whether the cell on that side is wet
BUFFER = 53 * _W

# numbers of a step, in the precision of the state
G, DX, HALF_DT, THETA, DRY, STEEP = range(6)
NUMBERS = 6


@fast_inner
def _load(buf: Values, state: tuple[Values, ...], row: int, c0: int, c1: int, num: Values) -> None:
    """Read a row into the slots below; what lies outside the domain is dry."""
    depth, qx, qy, bed, n = state
    rows, columns = depth.shape
    for k in range(c1 - c0 + 4):
        buf[_HC + k] = 0
        buf[_UC + k] = 0
        buf[_VC + k] = 0
        buf[_ZC + k] = 0
        buf[_KC + k] = 0
    if row < 0 or row >= rows:
        return
    first, last = max(0, c0 - 2), min(columns, c1 + 2)
    out = buf[first - (c0 - 2) :]
    h, mx, my, z, rough = (
        depth[row][first:last],
        qx[row][first:last],
        qy[row][first:last],
        bed[row][first:last],
        n[row][first:last],
    )
    dry, g = num[DRY], num[G]
    one, zero = g / g, g - g
    third = one / (one + one + one)
    four = one + one + one + one
    for k in range(last - first):
        here = h[k]
        wet = here > dry
        safe = here if wet else one
        inverse = one / safe
        # h^(-1/3): a first guess by the exponent's bits, then Newton
        bits = np.float32(np.float32(safe).view(np.int32)) * np.float32(1 / 3)
        root = np.int32(np.float32(1419912267) - bits).view(np.float32) * one
        root = root * (four - safe * root * root * root) * third
        root = root * (four - safe * root * root * root) * third
        root = root * (four - safe * root * root * root) * third
        out[_HC + k] = here
        out[_UC + k] = mx[k] * inverse if wet else zero
        out[_VC + k] = my[k] * inverse if wet else zero
        out[_ZC + k] = z[k]
        out[_KC + k] = g * rough[k] * rough[k] * inverse * root if wet else zero


@fast_inner
def _load_open(buf: Values, slot: int, shut: Values, row: int, c0: int, n: int) -> None:
    """Read which faces are open; what lies outside is shut."""
    rows, columns = shut.shape
    for k in range(n):
        buf[slot + k] = 0
    if row < 0 or row >= rows:
        return
    first, last = max(0, c0 - 2), min(columns, c0 - 2 + n)
    out = buf[slot + first - (c0 - 2) :]
    line = shut[row][first:last]
    for k in range(last - first):
        out[k] = np.uint8(1) - line[k]


@fast_inner
def _move(buf: Values, to: int, source: int, n: int) -> None:
    for k in range(n):
        buf[to + k] = buf[source + k]


@fast_inner
def _shift(buf: Values, n: int) -> None:
    """The row here becomes the one above, the one below becomes the one here."""
    _move(buf, _HA, _HB, n)
    _move(buf, _UA, _UB, n)
    _move(buf, _VA, _VB, n)
    _move(buf, _ZA, _ZB, n)
    _move(buf, _HB, _HC, n)
    _move(buf, _UB, _UC, n)
    _move(buf, _VB, _VC, n)
    _move(buf, _ZB, _ZC, n)
    _move(buf, _KB, _KC, n)
    _move(buf, _MN, _MS, n)


@fast_inner
def _limited(before: float, after: float, theta: float, half: float, zero: float) -> float:
    """Generalised minmod: of one-sided and central differences the smallest, 0 at extrema."""
    a, b = abs(before), abs(after)
    one_sided = theta * (a if a < b else b)
    central = half * abs(before + after)
    size = one_sided if one_sided < central else central
    size = size if before > zero else -size
    return size if before * after > zero else zero


@fast_inner
def _least(a: float, b: float, zero: float) -> float:
    """Minmod: the smaller of two differences, 0 at extrema."""
    size = a if abs(a) < abs(b) else b
    return size if a * b > zero else zero


@fast_inner
def _between(value: float, end: float, zero: float) -> float:
    """The value, held between 0 and `end`."""
    low, high = (zero, end) if end > zero else (end, zero)
    value = value if value > low else low
    return value if value < high else high


@fast_inner
def _slopes_x(buf: Values, n: int, num: Values) -> None:
    theta, dry = num[THETA], num[DRY]
    one, zero = num[G] / num[G], num[G] - num[G]
    half = one / (one + one)
    for k in range(n):
        west, east = buf[_MX + k + 1], buf[_MX + k + 2]
        wet = one if buf[_HB + k + 1] > dry else zero
        west, east = west * wet, east * wet
        h0, h1 = (buf[_HB + k + 1] - buf[_HB + k]) * west, (buf[_HB + k + 2] - buf[_HB + k + 1]) * east
        z0, z1 = (buf[_ZB + k + 1] - buf[_ZB + k]) * west, (buf[_ZB + k + 2] - buf[_ZB + k + 1]) * east
        u0, u1 = (buf[_UB + k + 1] - buf[_UB + k]) * west, (buf[_UB + k + 2] - buf[_UB + k + 1]) * east
        v0, v1 = (buf[_VB + k + 1] - buf[_VB + k]) * west, (buf[_VB + k + 2] - buf[_VB + k + 1]) * east
        h, e = _limited(h0, h1, theta, half, zero), _limited(h0 + z0, h1 + z1, theta, half, zero)
        # a bed that rose more steeply below a film than beside it would be a step in the film's way
        bed, thin = _least(z0, z1, zero), _least(h0, h1, zero)
        film = abs(e - h) - abs(bed) > buf[_HB + k + 1]
        bed = _between(_least(h0 + z0, h1 + z1, zero) - thin, bed, zero)
        buf[_XH + k + 1] = thin if film else h
        buf[_XE + k + 1] = thin + bed if film else e
        buf[_XU + k + 1] = _limited(u0, u1, theta, half, zero)
        buf[_XV + k + 1] = _limited(v0, v1, theta, half, zero)


@fast_inner
def _slopes_y(buf: Values, n: int, num: Values) -> None:
    theta, dry = num[THETA], num[DRY]
    one, zero = num[G] / num[G], num[G] - num[G]
    half = one / (one + one)
    for k in range(n):
        north, south = buf[_MN + k + 1], buf[_MS + k + 1]
        wet = one if buf[_HB + k + 1] > dry else zero
        north, south = north * wet, south * wet
        h0, h1 = (buf[_HB + k + 1] - buf[_HA + k + 1]) * north, (buf[_HC + k + 1] - buf[_HB + k + 1]) * south
        z0, z1 = (buf[_ZB + k + 1] - buf[_ZA + k + 1]) * north, (buf[_ZC + k + 1] - buf[_ZB + k + 1]) * south
        u0, u1 = (buf[_UB + k + 1] - buf[_UA + k + 1]) * north, (buf[_UC + k + 1] - buf[_UB + k + 1]) * south
        v0, v1 = (buf[_VB + k + 1] - buf[_VA + k + 1]) * north, (buf[_VC + k + 1] - buf[_VB + k + 1]) * south
        h, e = _limited(h0, h1, theta, half, zero), _limited(h0 + z0, h1 + z1, theta, half, zero)
        # a bed that rose more steeply below a film than beside it would be a step in the film's way
        bed, thin = _least(z0, z1, zero), _least(h0, h1, zero)
        film = abs(e - h) - abs(bed) > buf[_HB + k + 1]
        bed = _between(_least(h0 + z0, h1 + z1, zero) - thin, bed, zero)
        buf[_YH + k + 1] = thin if film else h
        buf[_YE + k + 1] = thin + bed if film else e
        buf[_YU + k + 1] = _limited(u0, u1, theta, half, zero)
        buf[_YV + k + 1] = _limited(v0, v1, theta, half, zero)


@fast_inner
def _ahead(buf: Values, n: int, num: Values) -> None:
    """Half a step ahead by the equations in primitive form, friction implicit (q + a·|q|·q = q*)."""
    g, half_dt = num[G], num[HALF_DT]
    one = g / g
    half = one / (one + one)
    four = (one + one) * (one + one)
    r = half_dt / num[DX]
    for k in range(n):
        h, u, v = buf[_HB + k + 1], buf[_UB + k + 1], buf[_VB + k + 1]
        hx, hy, ux, vy = buf[_XH + k + 1], buf[_YH + k + 1], buf[_XU + k + 1], buf[_YV + k + 1]
        mean = h - r * (u * hx + v * hy + h * (ux + vy))
        least = half * (abs(hx) if abs(hx) > abs(hy) else abs(hy))
        mean = mean if mean > least else least
        u1 = u - r * (u * ux + v * buf[_YU + k + 1] + g * buf[_XE + k + 1])
        v1 = v - r * (u * buf[_XV + k + 1] + v * vy + g * buf[_YE + k + 1])
        drag = half_dt * buf[_KB + k + 1] * np.sqrt(u1 * u1 + v1 * v1)
        less = (one + one) / (one + np.sqrt(one + four * drag))
        buf[_PH + k + 1] = mean
        buf[_PU + k + 1] = u1 * less
        buf[_PV + k + 1] = v1 * less
        buf[_PP + k + 1] = half * g * (mean - h) * (mean + h)


@fast_inner
def _as_is(buf: Values, n: int, num: Values) -> None:
    """First order: cell values at faces, now."""
    for k in range(n):
        buf[_PH + k + 1] = buf[_HB + k + 1]
        buf[_PU + k + 1] = buf[_UB + k + 1]
        buf[_PV + k + 1] = buf[_VB + k + 1]
        for slot in (_PP, _XH, _XE, _XU, _XV, _YH, _YE, _YU, _YV):
            buf[slot + k + 1] = 0


@fast_inner
def _sides_x(buf: Values, n: int, num: Values) -> None:
    """Values on both sides of the faces west of local columns 2 …"""
    g, dry = num[G], num[DRY]
    one, zero = g / g, g - g
    half = one / (one + one)
    quarter, hg = half * half, half * g
    for k in range(n):
        h0, h1, s0, s1 = buf[_PH + k + 1], buf[_PH + k + 2], buf[_XH + k + 1], buf[_XH + k + 2]
        e0, e1 = buf[_XE + k + 1], buf[_XE + k + 2]
        buf[_LH + k] = h0 + half * s0
        buf[_RH + k] = h1 - half * s1
        buf[_DZ + k] = (buf[_ZB + k + 2] - buf[_ZB + k + 1]) - half * ((e0 - s0) + (e1 - s1))
        buf[_LE + k] = buf[_PP + k + 1] + hg * (h0 * e0 + quarter * s0 * s0)
        buf[_RE + k] = buf[_PP + k + 2] + hg * (quarter * s1 * s1 - h1 * e1)
        buf[_LU + k] = buf[_PU + k + 1] + half * buf[_XU + k + 1]
        buf[_RU + k] = buf[_PU + k + 2] - half * buf[_XU + k + 2]
        buf[_LV + k] = buf[_PV + k + 1] + half * buf[_XV + k + 1]
        buf[_RV + k] = buf[_PV + k + 2] - half * buf[_XV + k + 2]
        buf[_FM + k] = buf[_MX + k + 2]
        buf[_LW + k] = one if buf[_HB + k + 1] > dry else zero
        buf[_RW + k] = one if buf[_HB + k + 2] > dry else zero


@fast_inner
def _sides_y(buf: Values, n: int, num: Values) -> None:
    """Values on both sides of the faces north of local columns 2 … of the row here."""
    g, dry = num[G], num[DRY]
    one, zero = g / g, g - g
    half = one / (one + one)
    quarter, hg = half * half, half * g
    for k in range(n):
        h0, h1, s0, s1 = buf[_AH + k + 2], buf[_PH + k + 2], buf[_BH + k + 2], buf[_YH + k + 2]
        e0, e1 = buf[_BE + k + 2], buf[_YE + k + 2]
        buf[_LH + k] = h0 + half * s0
        buf[_RH + k] = h1 - half * s1
        buf[_DZ + k] = (buf[_ZB + k + 2] - buf[_ZA + k + 2]) - half * ((e0 - s0) + (e1 - s1))
        buf[_LE + k] = buf[_AP + k + 2] + hg * (h0 * e0 + quarter * s0 * s0)
        buf[_RE + k] = buf[_PP + k + 2] + hg * (quarter * s1 * s1 - h1 * e1)
        buf[_LU + k] = buf[_AV + k + 2] + half * buf[_BV + k + 2]
        buf[_RU + k] = buf[_PV + k + 2] - half * buf[_YV + k + 2]
        buf[_LV + k] = buf[_AU + k + 2] + half * buf[_BU + k + 2]
        buf[_RV + k] = buf[_PU + k + 2] - half * buf[_YU + k + 2]
        buf[_FM + k] = buf[_MN + k + 2]
        buf[_LW + k] = one if buf[_HA + k + 2] > dry else zero
        buf[_RW + k] = one if buf[_HB + k + 2] > dry else zero


@fast_inner
def _mirror(h: float, u: float, g: float, tiny: float) -> float:
    """The thrust of a wall on water that runs at it with u, less g·h²/2: two shocks, or two rarefactions, meet."""
    one, zero = g / g, g - g
    two = one + one
    half = one / two
    quarter = half * half
    f = u / np.sqrt(g * h + tiny)
    more = f + (f * f * (one + half * half * half) * quarter / (one + f * (half + half * quarter)))
    less = f + quarter * f * f if f > -two else -one
    rise = more if f > zero else less
    return half * g * h * h * rise * (rise + two)


@fast_inner
def _solve(buf: Values, n: int, num: Values) -> None:
    """HLLC at n faces. Left and right momentum lack g·h²/2 of the cells' own depths."""
    g = num[G]
    one, zero = g / g, g - g
    two = one + one
    half = one / two
    quarter, hg = half * half, half * g
    steep = num[STEEP] * num[DX]
    tiny = num[DRY] * num[DRY] * num[DRY] * num[DRY]
    for k in range(n):
        h_l, h_r, rise, passes = buf[_LH + k], buf[_RH + k], buf[_DZ + k], buf[_FM + k]
        u_l, u_r, v_l, v_r = buf[_LU + k], buf[_RU + k], buf[_LV + k], buf[_RV + k]
        wet_l, wet_r = buf[_LW + k], buf[_RW + k]
        level = rise + h_r  # of the water on the right, above the bed on the left
        low = h_l if h_l < level else level
        step = rise if rise > zero else zero
        step = step if step < low else low
        a = (h_l - step if step > zero else h_l) * passes
        b = (level - step if step > rise else h_r) * passes
        c_a, c_b = np.sqrt(g * a), np.sqrt(g * b)
        u_s = half * (u_l + u_r) + c_a - c_b
        c_s = half * (c_a + c_b) + quarter * (u_l - u_r)
        s_l, s_r = u_l - c_a, u_r + c_b
        s_l = s_l if s_l < u_s - c_s else u_s - c_s
        s_r = s_r if s_r > u_s + c_s else u_s + c_s
        s_l = s_l if a > zero else u_r - two * c_b
        s_r = s_r if b > zero else u_l + two * c_a
        s_l = s_l if s_l < zero else zero
        s_r = s_r if s_r > zero else zero
        width = s_r - s_l
        per = one / (width if width > tiny else tiny)
        q_a, q_b = a * u_l, b * u_r
        mass = (s_r * q_a - s_l * q_b + s_l * s_r * (b - a)) * per
        mass = mass * (wet_l if mass > zero else wet_r)  # what is dry gives nothing
        pressure = hg * (b - a) * (b + a)
        push = (s_r * q_a * u_l - s_l * (q_b * u_r + pressure) + s_l * s_r * (q_b - q_a)) * per
        down_l = step if step < zero else zero
        down_r = step - rise if step < rise else zero
        mirror_l, mirror_r = _mirror(h_l, u_l, g, tiny), _mirror(h_r, -u_r, g, tiny)
        wall_l = one - passes if rise < h_l or rise < steep else one
        wall_r = one - passes if -rise < h_r or -rise < steep else one
        buf[_F0 + k] = mass
        buf[_F1 + k] = push + hg * (h_l + a) * down_l * passes + wall_l * mirror_l + buf[_LE + k]
        buf[_F2 + k] = push - pressure + hg * (h_r + b) * down_r * passes + wall_r * mirror_r + buf[_RE + k]
        buf[_F3 + k] = mass * (v_l if mass > zero else v_r)


@fast_inner
def _store(buf: Values, flux: Values, row: int, c0: int, n: int) -> None:
    for part in range(4):
        line = flux[part][row][c0:]
        source = buf[_F0 + part * _W :]
        for k in range(n):
            line[k] = source[k]


@fast_inner
def _keep_row(buf: Values, n: int) -> None:
    """What the south faces of this row will need when the next row is here."""
    _move(buf, _AH, _PH, n)
    _move(buf, _AU, _PU, n)
    _move(buf, _AV, _PV, n)
    _move(buf, _AP, _PP, n)
    _move(buf, _BH, _YH, n)
    _move(buf, _BE, _YE, n)
    _move(buf, _BU, _YU, n)
    _move(buf, _BV, _YV, n)


@fast_kernel
def fluxes(
    buf: Values,
    state: tuple[Values, ...],
    shut: tuple[Values, ...],
    flux: tuple[Values, ...],
    rects: Values,
    num: Values,
) -> None:
    """Write what passes the faces west and north of the cells of `rects` (and the domain's last faces).

    Args:
        buf: `BUFFER` numbers to work in.
        state: depth (m), unit discharge east and south (m²/s), bed (m), Manning n; rows × columns.
        shut: uint8, 1 where a face is shut: rows × (columns + 1), (rows + 1) × columns.
        flux: 4 × rows × (columns + 1), 4 × (rows + 1) × columns: mass, normal momentum as the cell before and the
            one behind the face feel it (less g·h²/2 of their own depth), transverse momentum.
        rects: n × 4: first row, end row, first column, end column; at most `STRIP` columns each.
        num: g, cell size, half the step (0: first order), limiter, dry depth, slope of walls.
    """
    rows, columns = state[0].shape
    for which in range(rects.shape[0]):
        r0, r1, c0, c1 = rects[which]
        n = c1 - c0 + 4
        across = c1 - c0 + (1 if c1 == columns else 0)
        last = r1 + (1 if r1 == rows else 0)
        _load(buf, state, r0 - 2, c0, c1, num)
        _shift(buf, n)
        _load(buf, state, r0 - 1, c0, c1, num)
        _load_open(buf, _MS, shut[1], r0 - 1, c0, n)
        for row in range(r0 - 1, last):
            _shift(buf, n)
            _load(buf, state, row + 1, c0, c1, num)
            _load_open(buf, _MS, shut[1], row + 1, c0, n)
            _load_open(buf, _MX, shut[0], row, c0, n)
            if num[HALF_DT] > 0:
                _slopes_x(buf, n - 2, num)
                _slopes_y(buf, n - 2, num)
                _ahead(buf, n - 2, num)
            else:
                _as_is(buf, n - 2, num)
            if row >= r0:
                _sides_y(buf, c1 - c0, num)
                _solve(buf, c1 - c0, num)
                _store(buf, flux[1], row, c0, c1 - c0)
            if r0 <= row < r1:
                _sides_x(buf, across, num)
                _solve(buf, across, num)
                _store(buf, flux[0], row, c0, across)
            _keep_row(buf, n)
