"""Answer requests fast: `lifecycle` (what is loaded), `inference` (how it is computed), `traffic` (where it goes)."""
