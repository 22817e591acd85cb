"""From a trained graph to a spiking network: passes, one per file, and the certificate."""
