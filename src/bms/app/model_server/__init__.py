"""The model server's process. Read main, then accepting (authenticates connections) and preparing (images and
texts)."""
