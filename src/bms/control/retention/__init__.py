"""How much room the platform takes, and what is removed of it once nothing needs it any more. It stands above the
features whose rows it removes.

Reading order: nouns (the periods), plan (what may go, pure), ports, service (who removes it); disk (what takes
room)."""
