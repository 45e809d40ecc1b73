"""Converts nouns of control into answers of the API, member by member: one function for each noun.

A member that a noun gets stays inside until it has a line here.
"""
