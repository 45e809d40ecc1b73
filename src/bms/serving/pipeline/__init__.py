"""The one pipeline of all inference requests, whatever protocol they came by: it authenticates, admits, routes,
decodes, sends, meters and answers.

Read in this order: pipeline (what is done, line by line), context (what steps see of a request), step (the places where
a step of a deployment's own may stand), exchange (sent; and the way back: metered, measured, given), gathered (parts of
it, for who wants one whole answer); then turn (books first, then answers), metrics, token_counts; and sequence_routing,
a step.

No module here knows a protocol: doors (`bms.web.inference`) subclass `Exchange` and hand it to `Pipeline.run`.
"""
