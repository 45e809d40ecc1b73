"""What a gateway decides about a request: who asks, whether to admit it, which version, which replica, and whether to
retry.

Read in this order: snapshot_index (what is known), keys, rate, admission, split, replicas, balancer, retry,
dispatcher (takes an admitted call to its one answer). Nothing here does I/O: links are a port.
"""
