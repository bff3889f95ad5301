"""One reader per kind of file: each turns a path into a `Source`."""

from equigen._lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "read_folder": "folder",
        "read_h5": "h5",
        "read_idx": "idx",
        "read_npy": "npy",
        "read_npz": "npz",
        "read_tiff": "tiff",
    },
)
