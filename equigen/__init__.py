"""equigen: generative models that keep the symmetry of the data, and the measurements that say so."""

from equigen._lazy import lazy

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "cli": "",
        "data": "",
        "diffusion": "",
        "graphs": "",
        "groups": "",
        "labs": "",
        "load": "store",
        "metrics": "",
        "networks": "",
        "random": "",
        "report": "",
        "save": "store",
        "spaces": "",
        "steerable": "",
        "store": "",
        "symmetry": "",
        "training": "",
        "verify": "",
    },
)
