"""The control plane: decides what should run and for whom, and keeps the records of it.

Read in the order a model meets them: tenants, datasets, models, jobs, training, optimization, evaluation, deployments;
then billing and audit, which only listen to events. `platform` holds the ports that several of them need.
"""
