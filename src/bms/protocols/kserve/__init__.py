"""What KServe's servers do beside the Open Inference Protocol: CloudEvents, and rows that are frames of pandas. Labels
of classifiers are in `oip`.
"""
