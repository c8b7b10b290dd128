"""Every process computes on one thread: sums in another order are other bytes.

`torch.set_num_threads(1)` in a back end is not enough: OpenMP keeps the number by thread, and a batch may run on
another thread than the one that opened the back end. Libraries read the environment when they are loaded, so it is
set before; OpenBLAS, which Beam's workers load with numpy before any code of ours runs, is told as well.
"""

import os

from threadpoolctl import threadpool_limits

ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def compute_on_one_thread() -> None:
    """For this process, from now on, and for those that it starts. Call it before torch is imported."""
    os.environ.update(ONE_THREAD)
    threadpool_limits(1)
