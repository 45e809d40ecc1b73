"""The local disk as jobs use it: what is noted of attempts, and trees unpacked once for all who read them."""
