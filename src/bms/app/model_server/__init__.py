"""The model server's process. Read main, then accepting (who may connect) and preparing (images and texts)."""
