"""The control API under /api/v1: one list of endpoints per feature, one dispatcher for all.

Bodies and answers are types of `api_types`: `shown` makes answers of nouns, `as_noun` reads bodies as nouns. Read
endpoint, dispatch, problems, openapi, then any file of `resources`.
"""
