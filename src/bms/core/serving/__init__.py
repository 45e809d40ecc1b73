"""What gateways are told of what is served: entries of the snapshot, a model's configuration, upstreams."""
