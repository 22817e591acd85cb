"""The main job: a trained transformer, spiking, certified and priced; as tables, a page and JSON."""
