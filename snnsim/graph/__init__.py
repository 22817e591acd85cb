"""The graph of a trained network: float nodes, integer layers, and the file that carries them."""
