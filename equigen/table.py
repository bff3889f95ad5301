"""The one closed table of names that become classes, as paths: names can be listed without importing torch."""

from __future__ import annotations

__all__ = [
    "ACTIONS",
    "CLASSIFIERS",
    "GRAPH_NETWORKS",
    "GRIDS",
    "GROUPS",
    "LABS",
    "MODELS",
    "NETWORKS",
    "PRECONDITIONINGS",
    "SCHEDULES",
    "SOLVERS",
    "SPACES",
    "TABLE",
    "TIMES",
    "WEIGHTS",
]

SPACES = {
    "euclidean": "spaces.euclidean:Euclidean",
    "centred": "spaces.centred:Centred",
    "masked": "spaces.masked:Masked",
}
SCHEDULES = {
    "geometric-noise": "diffusion.schedules.geometric_noise:GeometricNoise",
    "variance-exploding": "diffusion.schedules.variance_exploding:VarianceExploding",
    "variance-preserving": "diffusion.schedules.variance_preserving:VariancePreserving",
    "sub-variance-preserving": "diffusion.schedules.sub_variance_preserving:SubVariancePreserving",
    "cosine": "diffusion.schedules.cosine:Cosine",
    "edm": "diffusion.schedules.edm:EDM",
    "rectified-flow": "diffusion.schedules.rectified_flow:RectifiedFlow",
}
PRECONDITIONINGS = {
    "karras": "diffusion.preconditioning.karras:KarrasPreconditioning",
    "scale-by-sigma": "diffusion.preconditioning.scale_by_sigma:ScaleBySigma",
    "noise": "diffusion.preconditioning.noise_prediction:NoisePrediction",
    "velocity": "diffusion.preconditioning.velocity_prediction:VelocityPrediction",
}
WEIGHTS = {
    "karras-weight": "diffusion.loss:KarrasWeight",
    "noise-weight": "diffusion.loss:NoiseWeight",
    "unit-weight": "diffusion.loss:UnitWeight",
}
TIMES = {"uniform-times": "diffusion.loss:UniformTimes", "log-normal-noise": "diffusion.loss:LogNormalNoise"}
SOLVERS = {
    "dpm-solver-2m": "diffusion.solvers.dpm_solver_2m:DPMSolver2M",
    "euler": "diffusion.solvers.euler:Euler",
    "heun": "diffusion.solvers.heun:Heun",
    "euler-maruyama": "diffusion.solvers.euler_maruyama:EulerMaruyama",
    "ancestral": "diffusion.solvers.ancestral:Ancestral",
    "predictor-corrector": "diffusion.solvers.predictor_corrector:PredictorCorrector",
    "rk45": "diffusion.solvers.rk45:RK45",
}
GRIDS = {
    "karras-grid": "diffusion.time_grid:KarrasGrid",
    "log-snr-grid": "diffusion.time_grid:LogSNRGrid",
    "uniform-grid": "diffusion.time_grid:UniformGrid",
}
GROUPS = {
    "cyclic": "groups.plane_groups:Cyclic",
    "dihedral": "groups.plane_groups:Dihedral",
    "so2": "groups.plane_groups:SO2",
    "o2": "groups.plane_groups:O2",
    "symmetric": "groups.symmetric:Symmetric",
    "field-type": "steerable.field_type:FieldType",
}
ACTIONS = {
    "image-action": "symmetry.image_action:ImageAction",
    "linear-action": "symmetry.action:LinearAction",
    "permutation-action": "symmetry.action:PermutationAction",
    "points-action": "symmetry.action:PointsAction",
    "trivial-action": "symmetry.action:TrivialAction",
}
NETWORKS = {
    "steerable-unet": "networks.steerable_unet:SteerableUNet",
    "unet": "networks.unet:UNet",
    "tutorial-unet": "networks.tutorial_unet:TutorialUNet",
}
GRAPH_NETWORKS = {
    "graph-network": "networks.graph_network:GraphNetwork",
    "graph-denoiser": "networks.graph_denoiser:GraphDenoiser",
}
CLASSIFIERS = {"steerable-classifier": "networks.steerable_classifier:SteerableClassifier"}
MODELS = {
    "diffusion-model": "diffusion.model:DiffusionModel",
    "classification-model": "networks.classification_model:ClassificationModel",
    "graph-model": "networks.graph_model:GraphModel",
    "network-denoiser": "diffusion.network_denoiser:NetworkDenoiser",
    "symmetrised": "symmetry.symmetrised:Symmetrised",
    "symmetrised-module": "symmetry.symmetrised:SymmetrisedModule",
    "random-element": "symmetry.random_element:RandomElement",
    "orbit-target": "symmetry.orbit_target:OrbitTarget",
    "scale": "diffusion.scale:Scale",
    "givens": "diffusion.givens:Givens",
}
LABS = {
    "noise-scale": "labs.noise_scale:NoiseScale",
    "mixture-score": "labs.mixture_score:MixtureScore",
    "reversal": "labs.reversal:Reversal",
    "denoising": "labs.denoising:Denoising",
    "mnist-diffusion": "labs.mnist_diffusion:MnistDiffusion",
    "irreps": "labs.irreps:Irreps",
    "steerable-filters": "labs.steerable_filters:SteerableFilters",
    "equivariance": "labs.equivariance:Equivariance",
    "rotation-stability": "labs.rotation_stability:RotationStability",
    "permutation": "labs.permutation:Permutation",
    "realizations": "labs.realizations:Realizations",
    "symmetry": "labs.symmetry:Symmetry",
}
TABLE: dict[str, str] = (
    SPACES
    | SCHEDULES
    | PRECONDITIONINGS
    | WEIGHTS
    | TIMES
    | SOLVERS
    | GRIDS
    | GROUPS
    | ACTIONS
    | NETWORKS
    | GRAPH_NETWORKS
    | CLASSIFIERS
    | MODELS
)
