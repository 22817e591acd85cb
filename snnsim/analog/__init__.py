"""Converted networks on chips whose weights and converters are analog: integer graph in, integer graph out."""
