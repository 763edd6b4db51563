"""The usual Python tools on the same files: fits a model, prints the seconds, and writes each reader's first 20 books.

    models.py slim|ease|als TRAIN.csv RANKING.csv

Needs requirements-models.txt. Two threads. The ranking has the columns that `shelfwise evaluate --top-k` writes.
"""

import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor

THREADS = 2
# The ALS library parallelises over rows itself, and SLIM runs a column a thread; only EASE lives off the BLAS's threads.
BLAS = THREADS if sys.argv[1:2] == ["ease"] else 1
os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"] = str(BLAS)

import numpy as np  # noqa: E402
import scipy.sparse as sp  # noqa: E402
from threadpoolctl import threadpool_info  # noqa: E402


def slim(likes, l1=2.0, l2=10.0):
    """Coordinate descent on the Gram matrix, in scikit-learn's compiled loop, which lets go of the interpreter's lock."""
    from sklearn.linear_model._cd_fast import enet_coordinate_descent_gram

    gram = np.ascontiguousarray((likes.T @ likes).toarray().astype(np.float64))
    random = np.random.RandomState(0)

    def column(book):
        right = gram[book].copy()
        norm = np.array([np.sqrt(right[book])])
        right[book] = -1e9  # A weight that must be positive stays zero: a book does not speak for itself.
        weights = np.zeros(len(gram))
        enet_coordinate_descent_gram(
            weights, l1, l2, gram, right, norm, 100, 1e-4, random, False, True, True
        )
        return sp.csc_matrix(weights[:, None].astype(np.float32))

    with ThreadPoolExecutor(THREADS) as pool:
        weights = sp.hstack(list(pool.map(column, range(len(gram))))).tocsr()
    return lambda: (likes @ weights).toarray()


def ease(likes, penalty=100.0, depth=15):
    """The closed form by numpy, clipped and pruned."""
    gram = (likes.T @ likes).toarray().astype(np.float32)
    gram[np.diag_indices(len(gram))] += penalty
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)[None, :]
    np.fill_diagonal(weights, 0)
    weights[weights < 0] = 0
    rest = np.argpartition(-weights, depth, axis=0)[depth:]
    np.put_along_axis(weights, rest, 0, axis=0)
    weights = sp.csr_matrix(weights)
    return lambda: (likes @ weights).toarray()


def als(likes):
    """implicit's alternating least squares."""
    from implicit.als import AlternatingLeastSquares

    model = AlternatingLeastSquares(
        factors=128, regularization=20, alpha=2, iterations=15, num_threads=THREADS, random_state=1
    )
    model.fit(likes, show_progress=False)
    return lambda: model.user_factors @ model.item_factors.T


def main(name, train, ranking):
    rows = np.loadtxt(train, delimiter=",", skiprows=1, dtype=np.int64, usecols=(0, 1))
    readers, reader = np.unique(rows[:, 0], return_inverse=True)
    books, book = np.unique(rows[:, 1], return_inverse=True)
    likes = sp.csr_matrix((np.ones(len(rows), np.float32), (reader, book)))
    begun = time.perf_counter()
    score = {"slim": slim, "ease": ease, "als": als}[name](likes)
    print(f"fit {time.perf_counter() - begun:.3f} s")
    # Which of its kernels numpy's BLAS has chosen for this processor.
    for pool in threadpool_info():
        if pool["user_api"] == "blas" and "numpy" in pool["filepath"]:
            print(f"blas {pool['internal_api']} {pool['version']} {pool.get('architecture')} {pool['num_threads']}")
    scores = score()
    scores[likes.nonzero()] = -np.inf
    first = np.argsort(-scores, axis=1, kind="stable")[:, :20]
    with open(ranking, "w") as file:
        file.write("user_id,rank,item_id\n")
        for place, row in enumerate(first):
            for rank, column in enumerate(row, 1):
                file.write(f"{readers[place]},{rank},{books[column]}\n")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
