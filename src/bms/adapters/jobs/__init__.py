"""The local disk as jobs use it: what attempts leave behind, and trees unpacked once for all who read them.

Read guarded (how files a tenant's process wrote are opened), attempt_files, output_tree, tree_cache.
"""
