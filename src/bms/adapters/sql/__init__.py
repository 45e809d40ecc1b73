"""Stores on SQL: SQLite for one machine, PostgreSQL for more; the same code on both.

Read database (engines and connections), tables, store, then one repository file per feature. Migrations are in
migrations.
"""
