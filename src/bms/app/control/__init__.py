"""Control: the API, the bus to the gateways, and the loops that make what should run, run.

Read main, then ground (what every feature stands on), features (use cases, and what follows from what), parts (what is
run), loops (who drives it); event_catalogue, api_server, adoption (a supervisor that died), admin_key, last_words.
"""
