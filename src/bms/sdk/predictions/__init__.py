"""Requests and answers of predictions, for every wire that the client speaks.

Read in this order: served (what the server tells of a model), sending, sent, bodies, answers.
"""
