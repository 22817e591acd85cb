"""Compiled kernels over flat arrays. They know no classes; everything above them does."""

if __name__ != "snnsim.kernels":
    raise ImportError(
        f"{__name__!r} must be imported as 'snnsim.kernels': any other name would build a second set of compiled "
        "functions. Use `import snnsim.kernels`."
    )
