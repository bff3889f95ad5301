"""Verification: a schedule, a solver or a model, yours or the library's, against what is known of it."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Check": "check",
        "Verification": "check",
        "verify_model": "models",
        "verify_schedule": "schedules",
        "verify_solver": "solvers",
    },
)
