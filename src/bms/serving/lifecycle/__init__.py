"""What is loaded. Read in this order: servable (a loaded version), states, examples, loader."""
