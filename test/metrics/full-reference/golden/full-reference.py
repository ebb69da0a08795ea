"""Writes full-reference.json next to it: PSNR, SSIM, MS-SSIM and GMSD of pictures by formula, with NumPy and SciPy only.

Run from the repository's root: python test/metrics/full-reference/golden/full-reference.py
Written from the papers and the layout of their authors' MATLAB programs, apart from the TypeScript:
- SSIM: Wang, Bovik, Sheikh, Simoncelli 2004 (ssim.m): two-dimensional windows, `filter2(..., 'valid')`;
- MS-SSIM: Wang, Simoncelli, Bovik 2003: five scales, `imfilter(ones(2)/4, 'symmetric')`, `(1:2:end)`, mean of each map, then powers;
- GMSD: Xue, Zhang, Mou, Bovik 2014 (GMSD.m): `conv2(..., 'same')` with zeros beyond the edges, `std2`.
Luma is 0.299 R + 0.587 G + 0.114 B, not rounded (the authors' programs round it to 8 bits beforehand).
"""

import json
from pathlib import Path

import numpy as np
import scipy
from scipy.signal import convolve2d

WEIGHTS = np.array([0.0448, 0.2856, 0.3001, 0.2363, 0.1333])


def picture(height, width, seed):
    """Ramps, checks and noise; the test has the same formula."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    ramp = (x * 2 + y * 3 + c * 40 + seed * 17) % 256
    noise = ((x * 7919 + y * 104729 + c * 1299709 + seed * 15485863) % 1009) % 256
    return np.where(((x // 9) + (y // 7)) % 3 == 0, noise, ramp).astype(np.uint8)


def distort(image, kind):
    v = image.astype(np.int64)
    if kind == "quantised":
        return (v // 40 * 40).astype(np.uint8)
    if kind == "dark":
        return (v * 5 // 8).astype(np.uint8)
    if kind == "noisy":
        i = np.arange(v.size).reshape(v.shape)
        return np.clip(v + (i * 48271 % 2147483647) % 61 - 30, 0, 255).astype(np.uint8)
    if kind == "inverted":
        return (255 - v).astype(np.uint8)
    raise ValueError(kind)


def luma(image):
    return image.astype(np.float64) @ np.array([0.299, 0.587, 0.114])


def psnr(a, b):
    return 10 * np.log10(255**2 / np.mean((a.astype(np.float64) - b) ** 2))


def maps(a, b):
    k = np.arange(-5, 6)
    window = np.exp(-(k[:, None] ** 2 + k[None, :] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    f = lambda z: convolve2d(z, window, mode="valid")
    ma, mb = f(a), f(b)
    va, vb, cov = f(a * a) - ma**2, f(b * b) - mb**2, f(a * b) - ma * mb
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    structure = (2 * cov + c2) / (va + vb + c2)
    return (2 * ma * mb + c1) / (ma**2 + mb**2 + c1) * structure, structure


def reduce(z, f):
    """imfilter(z, ones(f)/f^2, 'symmetric') and z(1:f:end, 1:f:end)."""
    before = (f - 1) // 2
    padded = np.pad(z, ((before, f - 1 - before),) * 2, mode="symmetric")
    return convolve2d(padded, np.ones((f, f)) / f**2, mode="valid")[::f, ::f]


def ssim(a, b, to256=False):
    a, b = luma(a), luma(b)
    if to256:
        f = max(1, int(np.floor(min(a.shape) / 256 + 0.5)))
        a, b = reduce(a, f), reduce(b, f)
    return maps(a, b)[0].mean()


def ms_ssim(a, b):
    a, b = luma(a), luma(b)
    sides = [min(a.shape)]
    while len(sides) < 5 and (sides[-1] + 1) // 2 >= 11:
        sides.append((sides[-1] + 1) // 2)
    weights = WEIGHTS[: len(sides)] / WEIGHTS[: len(sides)].sum()
    value = 1.0
    for scale, weight in enumerate(weights):
        full, structure = maps(a, b)
        mean = full.mean() if scale == len(sides) - 1 else structure.mean()
        value *= max(0.0, mean) ** weight
        a, b = reduce(a, 2), reduce(b, 2)
    return value


def gmsd(a, b):
    def same(z, kernel):
        # MATLAB's centre of an even kernel, which is not SciPy's.
        r, c = kernel.shape[0] // 2, kernel.shape[1] // 2
        return convolve2d(z, kernel, mode="full")[r : r + z.shape[0], c : c + z.shape[1]]

    dx = np.array([[1, 0, -1], [1, 0, -1], [1, 0, -1]]) / 3

    def gradient(z):
        z = same(z, np.ones((2, 2)) / 4)[::2, ::2]
        return np.sqrt(same(z, dx) ** 2 + same(z, dx.T) ** 2)

    x, y = gradient(luma(a)), gradient(luma(b))
    return ((2 * x * y + 170) / (x**2 + y**2 + 170)).std(ddof=1)


def main():
    cases = []
    sizes = [(11, 11), (12, 31), (45, 30), (99, 80), (161, 170), (224, 224), (391, 402), (643, 700)]
    for seed, (height, width) in enumerate(sizes):
        for kind in ["quantised", "dark", "noisy", "inverted"]:
            a = picture(height, width, seed)
            b = distort(a, kind)
            cases.append(
                {
                    "height": height,
                    "width": width,
                    "seed": seed,
                    "kind": kind,
                    "psnr": psnr(a, b),
                    "ssim": ssim(a, b),
                    "ssimTo256": ssim(a, b, to256=True) if min(height, width) >= 224 else None,
                    "multiScaleSsim": ms_ssim(a, b),
                    "gmsd": gmsd(a, b),
                }
            )
    origin = {"script": Path(__file__).name, "numpy": np.__version__, "scipy": scipy.__version__}
    text = json.dumps({"origin": origin, "cases": cases}, indent=1)
    Path(__file__).with_suffix(".json").write_text(text + "\n")


main()
