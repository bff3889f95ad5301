"""What all tests share: one thread each, so that they run side by side, and hypothesis without chance."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # read by torch when it is first imported

from hypothesis import settings

settings.register_profile("equigen", derandomize=True, deadline=None)
settings.load_profile("equigen")
