"""What a prediction sends and what comes back, on every wire that the client speaks.

Read in this order: served (what the server tells of a model), sending, sent, bodies, answers, answer_texts.
"""
