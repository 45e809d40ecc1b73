"""The page `/docs`, which shows the API's description; it fetches nothing from other servers."""
