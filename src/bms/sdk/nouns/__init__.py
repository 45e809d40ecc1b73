"""What several resources of the client share: signatures, columns, metrics, and the API's nouns of models."""
