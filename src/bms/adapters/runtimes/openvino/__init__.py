"""OpenVINO IR models, run by OpenVINO."""
