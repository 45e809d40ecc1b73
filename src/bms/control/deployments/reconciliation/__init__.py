"""The reconciler: the loop that observes, plans, records and acts, so that what is desired comes to run.

Read in this order: reconciler, work_queue (which deployments a round looks at), recorder, replica_launcher,
alias_tracking, failure_reports, tokens, loop.
"""
