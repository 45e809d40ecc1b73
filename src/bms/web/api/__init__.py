"""The control API under /api/v1: one list of endpoints per feature, one dispatcher for all.

Bodies and answers are types of `api_types`: `views` makes answers of nouns, `as_noun` makes nouns of bodies. Read
endpoint, dispatch, problems, openapi, then any file of `resources`.
"""
