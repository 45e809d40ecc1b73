"""From data to a version: recipes and users' code as jobs, and the registration of what they made.

Reading order: nouns, ports, service, registration; imports brings the data in.
"""
