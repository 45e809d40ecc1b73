"""Parsers that several runtimes use to inspect files without executing anything: pickles and protocol buffers."""
