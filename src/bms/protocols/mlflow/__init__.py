"""MLflow's scoring protocol, both ways."""
