"""What the control API says and is told, as types: answers and bodies, which the server and the SDK share.

A file has the name of the paths that it is about. Nothing here is a table's row or an entity: `web/api/views` makes
answers of those, member by member, so that what is not said there never leaves. Bodies that only servers read refuse
members that they don't know by themselves; what answers hold, too, is read by clients of any age, so that it takes
them, and the server refuses them at its door (`web/api/unknown_members.py`). Words of answers are texts, though the
description says which there are: a client takes those of a newer server.
"""
