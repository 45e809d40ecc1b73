"""The one pipeline of all inference requests, whatever protocol they came by: it authenticates, admits, routes,
decodes, sends, meters and answers.

Read in this order: pipeline (what is done, line by line), context (what steps see of a request), step (the places
where a step of a deployment's own may stand), exchange (sending; and the way back: metering, measuring, answering),
collected_answer (parts of a stream as one answer); then write_batch (usage first, then answers), metrics, token_counts;
and sequence_routing, a step.

No module here knows a protocol: handlers (`bms.web.inference`) subclass `Exchange` and hand it to `Pipeline.run`.
"""
