"""Writes scipy.json: what SciPy says of a few samples of log-ratios. Needs numpy and scipy; seeded.

The interval is the range of shifts that the exact signed-rank test does not reject at 5 %, found among the means of
all pairs, at which alone that test changes its mind."""

import json
import pathlib

import numpy as np
import scipy
from scipy import stats


def rejected(x, shift):
    moved = x - shift
    return stats.wilcoxon(moved[moved != 0], method="exact").pvalue <= 0.05


def case(x):
    x = np.round(x, 6)
    first, second = np.triu_indices(len(x))
    walsh = np.sort((x[first] + x[second]) / 2)
    between = (walsh[:-1] + walsh[1:]) / 2
    kept = [i for i, shift in enumerate(between) if not rejected(x, shift)]
    flipped = stats.permutation_test(
        (x,), np.mean, permutation_type="samples", n_resamples=np.inf, alternative="two-sided")
    return {
        "values": x.tolist(),
        "median": float(np.median(x)),
        "hodges_lehmann": float(np.median(walsh)),
        "low": float(walsh[kept[0]]),
        "high": float(walsh[kept[-1] + 1]),
        "p": float(flipped.pvalue),
    }


rng = np.random.default_rng(5)
cases = [case(rng.normal(centre, 0.2, n)) for n in (6, 7, 10, 14) for centre in (-0.3, -0.1, 0.0)]
cases += [case(rng.standard_t(3, n) * 0.1 - 0.1) for n in (8, 12)]
text = json.dumps({"scipy": scipy.__version__, "numpy": np.__version__, "cases": cases}, indent=1)
(pathlib.Path(__file__).parent / "scipy.json").write_text(text + "\n")
