"""Networks of other frameworks and formats, in and out: torch is imported by the functions that need it, never on import."""
