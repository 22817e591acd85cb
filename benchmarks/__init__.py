"""How long snnsim takes, beside other simulators that run the same networks: `python -m benchmarks --help`."""
