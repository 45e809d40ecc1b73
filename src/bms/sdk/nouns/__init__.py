"""Types that several resources of the client share: signatures, columns, metrics, models."""
