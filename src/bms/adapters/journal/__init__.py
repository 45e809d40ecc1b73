"""The usage journal on disk: usage events, written before answers are given and shipped to control until acknowledged.

Read in this order: records (the bytes), writer (one process life's segments), lives (what is on disk), shipper.
"""
