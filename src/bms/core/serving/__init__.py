"""What control tells gateways about models: entries of the snapshot, model configurations, upstreams."""
