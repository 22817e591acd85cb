"""Hardware profiles: cited prices of operations, one TOML file each."""
