"""Servables: loaded models as functions with signatures, declared or inferred, and confirmed by runs.

Read in this order: called, declared, signature_resolution, undeclared (formats without a signature),
class_scores, data_frame.
"""
