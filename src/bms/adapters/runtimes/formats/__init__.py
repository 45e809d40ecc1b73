"""File formats that several runtimes look into without executing anything: pickles and protocol buffers."""
