"""What is told of deployments: to people (service, in the words of status), and to gateways (snapshot_source)."""
