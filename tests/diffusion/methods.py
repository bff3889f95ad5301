"""Every solver with each of its ways, and schedules on which the power of an error settles early."""

from equigen.diffusion import (
    EDM,
    RK45,
    Ancestral,
    Cosine,
    DPMSolver2M,
    Euler,
    EulerMaruyama,
    GeometricNoise,
    Heun,
    PredictorCorrector,
    RectifiedFlow,
    SubVariancePreserving,
    VarianceExploding,
    VariancePreserving,
)
from equigen.diffusion.solvers.solver import Solver

ALL_SOLVERS = {
    "euler": Euler(),
    "heun": Heun(),
    "heun, churn": Heun(churn=10.0, churn_low=0.1, churn_high=50.0),
    "dpm++2m": DPMSolver2M(),
    "ddim": Ancestral(eta=0.0),
    "ancestral 1/2": Ancestral(eta=0.5),
    "ancestral": Ancestral(),
    "euler-maruyama": EulerMaruyama(),
    "predictor-corrector": PredictorCorrector(),
    "rk45": RK45(),
}
STEPPERS = {name: solver for name, solver in ALL_SOLVERS.items() if isinstance(solver, Solver)}
FLOWS = [name for name, solver in STEPPERS.items() if not solver.draws]

# Times that keep the problem away from the stiff ends, so that the asymptotic order shows at moderate counts.
MILD = {
    "geometric 25": GeometricNoise(25.0, t_min=0.1),
    "geometric 1/2": GeometricNoise(0.5, t_min=0.05),
    "geometric 1": GeometricNoise(1.0, t_min=0.05),
    "ve": VarianceExploding(0.05, 5.0, t_min=0.2),
    "vp": VariancePreserving(t_min=0.05),
    "sub-vp": SubVariancePreserving(t_min=0.05),
    "cosine": Cosine(t_min=0.05, t_max=0.9),
    "edm": EDM(t_min=0.05, t_max=3.0),
    "rectified flow": RectifiedFlow(t_min=0.05, t_max=0.9),
}
