"""From counted operations to energy: prices come from a cited profile, or there is no figure."""
