"""The database: repositories on SQL, the same code for SQLite (one machine) and PostgreSQL (more).

Read database (engines and connections), tables, store, then one repository file per feature. Migrations are in
migrations.
"""
