"""The critical values in two_groups.rs: NumPy 2, 200 000 samples of n normal values each, about two minutes.

Of the sum of squares about the mean, the share that lies between two groups, at its best over all splits of the
sorted values that leave at least a quarter of them, and two, on each side. Printed: its quantile of 99.5 %.
"""

import numpy as np

random = np.random.default_rng(20261126)


def between(x):
    x = np.sort(x, axis=1)
    n = x.shape[1]
    x -= x.mean(axis=1, keepdims=True)
    below = np.cumsum(x, axis=1)
    total = (x**2).sum(axis=1)
    least = max(2, -(-n // 4))
    best = np.zeros(len(x))
    for k in range(least, n - least + 1):
        best = np.maximum(best, below[:, k - 1] ** 2 * (n / (k * (n - k))) / total)
    return best


for n in [6, 7, 8, 9, 10, 11, 12, 14, 16, 20, 24, 30, 36, 48, 60, 100]:
    shares = np.concatenate([between(random.normal(size=(20_000, n))) for _ in range(10)])
    print(n, np.quantile(shares, 0.995).round(3))
