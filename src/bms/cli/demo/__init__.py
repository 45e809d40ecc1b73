"""`bms demo`: trains, converts, deploys and meters a model on real data, through the public API alone.

Reading order: story (the seven chapters), stage (the platform they run on), teller (what is printed), steady.
"""
