"""The data plane: `lifecycle` (loads a model), `inference` (runs it), `engines` (run many requests at once), `pipeline`
(takes a request through the gateway), `traffic` (admits, routes and balances)."""
