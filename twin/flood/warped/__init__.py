"""The schemes on NVIDIA Warp: the same equations as in `inertial` and `full`, one thread a cell or face."""
