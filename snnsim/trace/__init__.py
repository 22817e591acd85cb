"""From a trained model to a float graph."""
