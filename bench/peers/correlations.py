"""python correlations.py FILE...: each file holds predictions, then opinion scores, as float64. For each line on stdin, `CASE NAME`, computes
the statistic NAME (srcc, krcc or plcc, as SciPy does by default, p-value included) of file CASE, timed, for bench/statistics/speed.ts."""
import json, sys, time
import numpy, scipy
from scipy.stats import kendalltau, pearsonr, spearmanr

pairs = [numpy.fromfile(path, dtype=numpy.float64).reshape(2, -1) for path in sys.argv[1:]]
of = {"srcc": spearmanr, "krcc": kendalltau, "plcc": pearsonr}
print(json.dumps({"ready": True, "versions": {"scipy": scipy.__version__, "numpy": numpy.__version__}}), flush=True)
for line in sys.stdin:
    case, name = line.split()
    x, y = pairs[int(case)]
    started = time.perf_counter()
    value = of[name](x, y).statistic
    print(json.dumps({"seconds": time.perf_counter() - started, "value": float(value)}), flush=True)
