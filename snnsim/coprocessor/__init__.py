"""A chip beside a host: which layers go there, what moves between them, and whether it pays."""
