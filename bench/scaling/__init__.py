"""How the platform grows with what is registered: the world, what is measured of it, and the picture."""
