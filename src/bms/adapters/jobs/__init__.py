"""Local disk storage for jobs: notes of attempts, and a cache of unpacked trees."""
