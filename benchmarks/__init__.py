"""One script per question: `python -m benchmarks.NAME --out FILE.json`."""
