"""MLflow's scoring protocol: requests, answers and the listing of endpoints."""
