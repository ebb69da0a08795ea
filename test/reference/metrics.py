"""SciPy's correlations and logistic fits of the cases in a JSON file, for metrics.test.ts. Usage: metrics.py CASES.json"""
import json
import sys
import warnings

import numpy as np
from scipy import stats
from scipy.optimize import curve_fit, least_squares

warnings.simplefilter("ignore")


def four(x, b1, b2, b3, b4):
    return b2 + (b1 - b2) / (1 + np.exp(-(x - b3) / np.abs(b4)))


def five(x, b1, b2, b3, b4, b5):
    return b1 * (0.5 - 1 / (1 + np.exp(b2 * (x - b3)))) + b4 * x + b5


def errors(curve, starts, x, y):
    """The squared errors of curve_fit from published starts, and of trf from these and from wide ones."""
    found = []
    spread = x.std()
    more = [np.array(s, float) for s in starts]
    for width in (0.1, 0.5, 2.0):
        for sign in (1, -1):
            if curve is four:
                more.append(np.array([y.max() if sign > 0 else y.min(), y.min() if sign > 0 else y.max(), np.median(x), width * spread]))
            else:
                more.append(np.array([sign * np.ptp(y), 1 / (width * spread), np.median(x), 0.0, y.mean()]))
    for start in starts:
        try:
            p, _ = curve_fit(curve, x, y, p0=start, maxfev=20000)
            found.append(float(np.sum((curve(x, *p) - y) ** 2)))
        except RuntimeError:
            pass
    for start in more:
        try:
            fit = least_squares(lambda p: curve(x, *p) - y, start, method="trf", x_scale="jac", ftol=1e-14, xtol=1e-14, gtol=1e-14, max_nfev=2000)
            found.append(float(np.sum(fit.fun ** 2)))
        except ValueError:
            pass
    return min(e for e in found if np.isfinite(e))


def fit(x, y):
    # BVQA and VQEG start from the extremes of y, the mean of x and a quarter of its deviation; pyiqa from the same with deviation.
    bvqa = [y.max(), y.min(), x.mean(), x.std() / 4]
    pyiqa = [y.max(), y.min(), x.mean(), x.std()]
    vqeg5 = [y.max(), 1 / max(x.std(), 1e-12), x.mean(), 0.1, 0.1]
    other5 = [np.ptp(y), 0.1, x.mean(), 0.1, 0.1]
    return {"four": errors(four, [bvqa, pyiqa], x, y), "five": errors(five, [vqeg5, other5], x, y)}


out = []
for case in json.load(open(sys.argv[1])):
    data = np.fromfile(case["file"], "<f8")
    x, y = np.split(data, 2)
    found = {
        "srcc": float(stats.spearmanr(x, y).statistic),
        "plcc": float(stats.pearsonr(x, y).statistic),
        "krcc": float(stats.kendalltau(x, y).statistic),
    }
    if case["fit"]:
        found.update(fit(x, y))
    out.append(found)
print(json.dumps(out))
