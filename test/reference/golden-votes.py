"""Writes test/metrics/votes/golden/votes.json: opinion scores of the example votes of Netflix/sureal by its own models (P.910
Annex E, BT.500, plain mean), the screening of BT.500 with the Recommendation's deviation, and quantiles of Student's t.
Usage: python test/reference/golden-votes.py FOLDER   (a checkout of github.com/Netflix/sureal, here commit 526715c, version 0.9.0;
NumPy 2.4, SciPy 1.17). The votes are the sample_data.csv and small_sample_data.csv of its itut_p910_demo, Apache-2.0.

sureal's BT500Model takes S with n where the Recommendation (and NTIA's MATLAB) has n - 1. `screen` below is written from the
Recommendation; with n it must agree with sureal, and what is stored is with n - 1."""
import contextlib, csv, io, json, pathlib, sys, types
import numpy as np, scipy
from scipy import stats

folder = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(folder))
import sureal
from sureal.dataset_reader import RawDatasetReader
from sureal.subjective_model import MaximumLikelihoodEstimationModelContentObliviousAlternativeProjection as Likelihood


def read(name):
    with open(folder / "itut_p910_demo" / name) as file:
        return np.array([row for row in csv.reader(file)], dtype=float)


def run(model, votes):
    dataset = types.SimpleNamespace(
        dataset_name="example", ref_videos=[dict(content_id=0, content_name="c", path="c")],
        dis_videos=[dict(asset_id=j, content_id=0, os=list(row), path=str(j)) for j, row in enumerate(votes)])
    with contextlib.redirect_stdout(io.StringIO()):
        return model(RawDatasetReader(dataset)).run_modeling()


def screen(votes, ddof):
    above, below = np.zeros(votes.shape[1], int), np.zeros(votes.shape[1], int)
    for row in votes:
        given = row[~np.isnan(row)]
        mean, s = given.mean(), given.std(ddof=ddof)
        reach = (2 if 2 <= stats.kurtosis(given, fisher=False) <= 4 else np.sqrt(20)) * s
        above += np.nan_to_num(row, nan=-np.inf) >= mean + reach
        below += np.nan_to_num(row, nan=np.inf) <= mean - reach
    return above, below


def example(name):
    votes = read(name)
    p910, likelihood = run(sureal.P910AnnexEModel, votes), run(Likelihood, votes)
    assert np.allclose(p910["quality_scores"], likelihood["quality_scores"])
    bt500, mean = run(sureal.BT500Model, votes), run(sureal.MosModel, votes)
    above, below = screen(votes, 0)
    assert np.allclose((above + below) / len(votes), bt500["observer_rejected_1st_stats"])
    assert np.allclose(abs(above - below) / (above + below), bt500["observer_rejected_2nd_stats"], equal_nan=True)
    above, below = screen(votes, 1)
    return dict(
        name=name, votes=["".join("." if np.isnan(v) else str(int(v)) for v in row) for row in votes],
        mean=dict(mos=mean["quality_scores"], std=mean["quality_ambiguity"], standardError=mean["quality_scores_std"]),
        bt500=dict(above=above.tolist(), below=below.tolist(), rejectedBySureal=[bool(r) for r in bt500["observer_rejected"]],
                   mosBySureal=bt500["quality_scores"]),
        p910=dict(mos=p910["quality_scores"], sos=p910["quality_scores_std"], standardError=likelihood["quality_scores_std"],
                  bias=p910["observer_bias"], inconsistency=p910["observer_inconsistency"], numIterations=p910["num_iter"]))


golden = dict(
    made_by=f"sureal {sureal.__version__} (526715c), NumPy {np.__version__}, SciPy {scipy.__version__}",
    examples=[example("sample_data.csv"), example("small_sample_data.csv")],
    t975=[[df, stats.t.ppf(0.975, df)] for df in (1, 2, 3, 4, 5, 9, 14, 29, 100, 1000, 100000)])
path = pathlib.Path(__file__).parents[1] / "metrics" / "votes" / "golden" / "votes.json"
path.write_text(json.dumps(golden, indent=1, default=float) + "\n")
