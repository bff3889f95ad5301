"""How fast is a graph convolution, beside PyG's and beside the same sum of torch's sparse products?

    python -m benchmarks.graph_filters --out benchmarks/results/graph_filters.json      # about 6 minutes
    python -m benchmarks.graph_filters --quick                                          # a tenth of the graph: seconds

A random undirected graph of 20,000 nodes and 320,000 entries, K = 3 steps of the normalised adjacency, float32, one
thread. All layers have the same taps and take their turns one after the other; ratios are those of a round. A layer is
given the graph as it comes and finds its normalisation in every call, as TAGConv and ChebConv do, be it on edge_index
or on a sparse matrix of torch (CSR). Beside these, TAGConv and the sum of torch.sparse.mm are given the normalised
matrix ready, which saves them that work. A backward pass is to the taps and to x.

The error of each is its distance from the same in float64, over the norm.

One product of width 64 is counted as the reference does: 4 bytes for the column of each entry and 4 F for the row of x
that it gathers, again for each entry. Beside it stands what the machine copies (bytes read and written), of an array
far larger than the caches.

Growth is that of the time of a layer over that of a tenth of the entries, beside that of torch.sparse.mm: what is
gathered leaves the caches on the way. Peak memory is that of a process of its own that builds a graph of so many
entries and takes a forward and a backward pass (Linux).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.measure import interleaved, machine, ratios, record, summary
from equigen.graphs.functional import convolve
from equigen.graphs.graph import Graph
from equigen.graphs.layers.chebyshev import ChebyshevConvolution
from equigen.graphs.layers.graph_convolution import GraphConvolution
from equigen.graphs.shifts import normalised_adjacency

NODES, ENTRIES, ORDER = 20_000, 320_000, 3
WIDTHS = ((64, 16), (64, 64), (16, 64))
GROWTH = (200_000, 2_000_000, 20_000_000)  # up to 10 million edges, each heard in both directions
PROMISED = {
    "forward 64 -> 16": {"TAGConv, CSR": 4.0, "TAGConv, CSR, normalised before": 4.0, "TAGConv, edge_index": 30.0},
    "forward 64 -> 64": {"TAGConv, CSR": 1.3, "TAGConv, CSR, normalised before": 1.3, "TAGConv, edge_index": 15.0},
    "forward and backward 64 -> 16": {"torch.sparse.mm": 4.0, "TAGConv, edge_index": 30.0},
    "product": {"share_of_copy": 0.4},
    "memory_gb": 8.0,
}
OURS = "equigen"


def random_graph(nodes: int, entries: int, device: str = "cpu") -> Graph:
    """An undirected graph of about so many entries, each edge once, without loops or weights."""
    draw = torch.Generator().manual_seed(0)
    ends = torch.randint(nodes, (2, entries // 2), generator=draw)
    key = torch.unique(ends.min(0).values * nodes + ends.max(0).values)
    low, high = key // nodes, key % nodes
    kept = low != high
    return Graph.from_edges(torch.stack((low[kept], high[kept])), nodes, undirected=True).to(device)


def by_rows(graph: Graph) -> Tensor:
    """The normalised adjacency as torch's sparse matrix, float32."""
    root = graph.degrees.clamp(min=1).rsqrt()
    values = (root[graph.rows] * root[graph.columns]).float()
    return torch.sparse_csr_tensor(graph.pointer, graph.columns, values, (graph.nodes, graph.nodes))


class Summed(nn.Module):
    """The sum of torch's own sparse products, each times its taps: what one writes without a library."""

    def __init__(self, taps: Tensor, bias: Tensor) -> None:
        super().__init__()
        self.taps, self.bias = nn.Parameter(taps.clone()), nn.Parameter(bias.clone())

    def forward(self, matrix: Tensor, x: Tensor) -> Tensor:
        y = x @ self.taps[0]
        for tap in self.taps[1:]:
            x = torch.sparse.mm(matrix, x)
            y = y + x @ tap
        return y + self.bias


def peers(graph: Graph, layer: GraphConvolution) -> dict[str, tuple[nn.Module, Callable[[Tensor], Tensor]]]:
    """The others with the same taps: the module, and the layer as a function of x."""
    from torch_geometric.nn import ChebConv, TAGConv

    order, wide_in, wide_out = layer.taps.shape
    assert layer.bias is not None
    device = str(layer.taps.device)
    edges, matrix = torch.stack((graph.columns, graph.rows)).long(), by_rows(graph)
    plain = torch.sparse_csr_tensor(graph.pointer, graph.columns, torch.ones_like(matrix.values()), matrix.shape)
    tag, ready = (TAGConv(wide_in, wide_out, order - 1, normalize=itself).to(device) for itself in (True, False))
    cheb = ChebConv(wide_in, wide_out, order).to(device)
    summed = Summed(layer.taps.detach(), layer.bias.detach())
    with torch.no_grad():
        for peer in (tag, ready, cheb):
            for mine, theirs in zip(layer.taps, peer.lins, strict=True):
                theirs.weight.copy_(mine.T)  # pyright: ignore[reportCallIssue]
    return {
        "TAGConv, edge_index": (tag, lambda x: tag(x, edges)),
        "TAGConv, CSR": (tag, lambda x: tag(x, plain)),
        "TAGConv, CSR, normalised before": (ready, lambda x: ready(x, matrix)),
        "ChebConv, edge_index": (cheb, lambda x: cheb(x, edges)),
        "torch.sparse.mm": (summed, lambda x: summed(matrix, x)),
    }


def exact(graph: Graph, layer: GraphConvolution, x: Tensor) -> Tensor:
    """The convolution in float64."""
    with torch.no_grad():
        return convolve(normalised_adjacency(graph), x.double(), layer.taps.double())


def apart(y: Tensor, reference: Tensor) -> float:
    """The distance over the norm."""
    return float((y.detach().double() - reference).norm() / reference.norm())


def compared(pieces: dict[str, Callable[[], object]], given: argparse.Namespace, ours: str = OURS) -> dict[str, Any]:
    """Medians and quartiles of all pieces, and how many times as long as ours the others take."""
    seconds = interleaved(pieces, given.repeats, given.device)
    found: dict[str, Any] = {name: summary(each) for name, each in seconds.items()}
    for name, each in seconds.items():
        if name != ours:
            found[name]["over_ours"] = ratios(each, seconds[ours])
    return found


def forward(graph: Graph, widths: tuple[int, int], given: argparse.Namespace) -> dict[str, Any]:
    """Inference of all layers at two widths, and their errors."""
    layer, cheb = GraphConvolution(*widths, ORDER), ChebyshevConvolution(*widths, ORDER)
    layer, cheb = layer.to(given.device), cheb.to(given.device)
    x = torch.randn(graph.nodes, widths[0], generator=torch.Generator().manual_seed(1)).to(given.device)
    works: dict[str, Callable[[Tensor], Tensor]] = {OURS: lambda x: layer(graph, x)}
    works["equigen, weighted graph"] = partial(layer, graph.with_weights(graph.weights_or_ones(torch.float32)))
    works["equigen, Chebyshev"] = lambda x: cheb(graph, x)
    works |= {name: work for name, (_, work) in peers(graph, layer).items()}
    with torch.no_grad():
        found = compared({name: partial(work, x) for name, work in works.items()}, given)
        for name, work in works.items():
            if "Cheb" not in name:  # another basis: other numbers
                found[name]["error"] = apart(work(x), exact(graph, layer, x))
    return found


def both_ways(graph: Graph, widths: tuple[int, int], given: argparse.Namespace) -> dict[str, Any]:
    """A forward and a backward pass of all layers, and the errors of the derivatives by x."""
    layer = GraphConvolution(*widths, ORDER).to(given.device)
    draw = torch.Generator().manual_seed(1)
    x = torch.randn(graph.nodes, widths[0], generator=draw).to(given.device).requires_grad_()
    slope = torch.randn(graph.nodes, widths[1], generator=draw).to(given.device)
    others = {name: each for name, each in peers(graph, layer).items() if "Cheb" not in name}
    pieces: dict[str, Callable[[], object]] = {}
    for name, (module, work) in {OURS: (layer, partial(layer, graph)), **others}.items():
        asked = [x, *module.parameters()]
        pieces[name] = lambda work=work, asked=asked: torch.autograd.grad(work(x), asked, slope)
    found = compared(pieces, given)
    reference = exact_slope(graph, layer, slope)
    for name, piece in pieces.items():
        found[name]["error"] = apart(piece()[0], reference)  # pyright: ignore[reportIndexIssue]
    return found


def exact_slope(graph: Graph, layer: GraphConvolution, slope: Tensor) -> Tensor:
    """The derivative by x in float64: the convolution with the transposed taps, as the shift is symmetric."""
    with torch.no_grad():
        return convolve(normalised_adjacency(graph), slope.double(), layer.taps.double().mT)


def product(graph: Graph, given: argparse.Namespace, width: int = 64) -> dict[str, Any]:
    """One product with the entries of the graph, beside a copy and torch's own product."""
    x = torch.randn(graph.nodes, width, generator=torch.Generator().manual_seed(1)).to(given.device)
    large = torch.ones(1 << 26, device=given.device)
    there, matrix = torch.empty_like(large), by_rows(graph)
    with torch.no_grad():
        found = compared(
            {OURS: lambda: graph.product(x), "torch.sparse": lambda: matrix @ x, "copy": lambda: there.copy_(large)},
            given,
        )
    counted = graph.entries * (4 + 4 * width)
    found["bytes"] = counted
    found["gb_per_s"] = counted / found[OURS]["median_ms"] / 1e6
    found["copy_gb_per_s"] = 2 * large.numel() * 4 / found["copy"]["median_ms"] / 1e6
    found["share_of_copy"] = found["gb_per_s"] / found["copy_gb_per_s"]
    expected = graph.product(x.double())
    found["error"] = apart(graph.product(x), expected)
    return found


def growth(given: argparse.Namespace) -> list[dict[str, Any]]:
    """Time and peak memory over the number of entries, each in a process of its own."""
    rows: list[dict[str, Any]] = []
    for entries in GROWTH[:2] if given.quick else GROWTH:
        words = [sys.executable, "-m", "benchmarks.graph_filters", "--device", given.device, "--grown", str(entries)]
        row = json.loads(subprocess.run(words, check=True, capture_output=True, text=True).stdout)
        if rows:
            row["over_a_tenth"] = {key: row[key] / rows[-1][key] for key in row if key.endswith("_s")}
        rows.append(row)
    return rows


def grown(entries: int, device: str) -> dict[str, Any]:
    """Seconds of the third call and peak memory of this process, for a graph of so many entries."""
    start = time.perf_counter()
    graph = random_graph(entries // 16, entries, device)
    built = time.perf_counter() - start
    layer = GraphConvolution(64, 16, ORDER).to(device)
    x = torch.randn(graph.nodes, 64, device=device).requires_grad_()
    passes: dict[str, Callable[[], object]] = {
        "forward_s": torch.no_grad()(lambda: layer(graph, x)),
        "forward_and_backward_s": lambda: torch.autograd.grad(layer(graph, x).sum(), [x, *layer.parameters()]),
    }
    row: dict[str, Any] = {"nodes": graph.nodes, "entries": graph.entries, "building_s": built}
    row |= {name: min(each) for name, each in interleaved(passes, 3, device).items()}
    lines = Path("/proc/self/status").read_text().splitlines()
    row["peak_gb"] = int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) * 1024 / 1e9
    matrix, summed = by_rows(graph), Summed(layer.taps.detach(), torch.zeros(16, device=device))
    with torch.no_grad():
        row["torch.sparse.mm_forward_s"] = min(interleaved({"": lambda: summed(matrix, x)}, 2, device)[""])
    return row


def compiled(graph: Graph, given: argparse.Namespace) -> dict[str, Any]:
    """Two layers behind torch.compile without a break, and how far the result is from the plain one's."""

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = GraphConvolution(64, 16, ORDER), GraphConvolution(16, 7, ORDER)

        def forward(self, graph: Graph, x: Tensor) -> Tensor:
            return self.second(graph, self.first(graph, x).relu())

    network = Network().to(given.device)
    x = torch.randn(graph.nodes, 64, generator=torch.Generator().manual_seed(1)).to(given.device)
    together = torch.compile(network, fullgraph=True)
    with torch.no_grad():
        error = apart(together(graph, x), network(graph, x).double())
        found = compared({OURS: lambda: network(graph, x), "compiled": lambda: together(graph, x)}, given)
    return found | {"apart": error}


def judged(result: dict[str, Any]) -> dict[str, Any]:
    """What is promised beside what was found."""
    found: dict[str, Any] = {}
    for question, promised in PROMISED.items():
        for name, least in promised.items() if isinstance(promised, dict) and question != "product" else ():
            median = result[question][name]["over_ours"]["median"]
            found[f"{question}, over {name}"] = {"found": median, "promised": least, "kept": median >= least}
    share = result["product"]["share_of_copy"]
    found["product, share of copy"] = {"found": share, "promised": 0.4, "kept": share >= 0.4}
    peak = result["growth"][-1]["peak_gb"]
    found["peak memory in GB"] = {"found": peak, "promised": PROMISED["memory_gb"], "kept": peak <= 8.0}
    return found


def options() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true", help="a tenth of the graph, 3 rounds, no largest graph")
    parser.add_argument("--grown", type=int, help="measure one graph of so many entries, and print it")
    return parser.parse_args()


def main() -> None:
    given = options()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
    if given.grown is not None:
        print(json.dumps(grown(given.grown, given.device)))
        return
    given.repeats, share = (3, 10) if given.quick else (given.repeats, 1)
    graph = random_graph(NODES // share, ENTRIES // share, given.device)
    result: dict[str, Any] = {"question": (__doc__ or "").splitlines()[0], "machine": machine(given.device)}
    result |= {"nodes": graph.nodes, "entries": graph.entries, "order": ORDER, "quick": given.quick}
    for widths in WIDTHS:
        result[f"forward {widths[0]} -> {widths[1]}"] = forward(graph, widths, given)
    for widths in WIDTHS:
        result[f"forward and backward {widths[0]} -> {widths[1]}"] = both_ways(graph, widths, given)
    result["product"] = product(graph, given)
    result["growth"] = growth(given)
    result["compiled"] = compiled(graph, given)
    result["promised"] = judged(result)
    record(result, given.out)


if __name__ == "__main__":
    main()
