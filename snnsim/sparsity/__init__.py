"""What a dense transformer saves by computing less: the best answer of an ANN to a spiking network, counted and measured."""
