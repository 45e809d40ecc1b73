"""The control process: serves the API, feeds the gateways, and runs the loops that bring about the desired state.

Read main, then platform (opens database, objects and cluster), features (use cases and event handlers), assembly (puts
control together), loops (the tasks that drive it); then event_catalogue, api_server, adoption (replaces a dead
supervisor), admin_key, exit_reason.
"""
