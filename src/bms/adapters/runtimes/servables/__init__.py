"""What a loaded model becomes: a function with signatures, its own or those declared, as runs bear them out.

Read in this order: called, declared, settling, asked (formats that tell nothing), class_scores, data_frame.
"""
