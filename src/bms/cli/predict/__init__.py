"""`bms predict`: sends a prediction to a served model. Read in this order: command, data (what is sent), answer (what
is shown), asking."""
