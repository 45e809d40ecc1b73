"""Servables: loaded models as functions with signatures, declared or inferred, and confirmed by runs.

Read in this order: called, declared, settling, asked (formats that tell nothing), class_scores, data_frame.
"""
