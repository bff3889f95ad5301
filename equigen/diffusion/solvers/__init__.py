"""Solvers: one method a file, one pure step each; the loop over the grid is in `solver`."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "AdaptiveSolver": "solver",
        "AddressedNoise": "solver",
        "Ancestral": "ancestral",
        "DPMSolver2M": "dpm_solver_2m",
        "Euler": "euler",
        "EulerMaruyama": "euler_maruyama",
        "Heun": "heun",
        "PredictorCorrector": "predictor_corrector",
        "RK45": "rk45",
        "Solver": "solver",
        "State": "solver",
        "integrate": "solver",
    },
)
