"""Big Model Serving: from data to a trained model to a fast, governed, metered REST service."""

__version__ = "0.1.0"
