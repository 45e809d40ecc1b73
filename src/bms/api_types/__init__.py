"""The request and answer types of the control API, shared by the server and the SDK.

A file has the name of the paths that it is about. Nothing here is a table's row or an entity: `web/api/views` makes
answers of those, member by member, so that a member without a line there never leaves. Bodies that only servers read
refuse members that they don't know by themselves; what answers hold, too, is read by clients of any age, so that it
takes them, and the server refuses them (`web/api/unknown_members.py`). Enumerations in answers are plain strings,
though the description lists them: a client accepts those of a newer server.
"""
