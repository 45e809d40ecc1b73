"""`bms predict`: asks a served model. Read in this order: command, data (what is sent), answer (what is shown),
asking.
"""
