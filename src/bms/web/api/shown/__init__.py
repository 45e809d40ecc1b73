"""What of each noun the API shows: one function for each, member by member.

A member that a noun gets stays inside until it has a line here.
"""
