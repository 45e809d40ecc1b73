"""What should run, for whom, at what price.

Read in the order a model meets them: tenants, datasets, models, jobs, training, optimization, evaluation,
deployments; then billing and audit, which only listen. `platform` holds the ports several of them need.
"""
