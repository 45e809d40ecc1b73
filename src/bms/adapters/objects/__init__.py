"""Object stores, on a local disk or in memory; and archives, unpacked safely.

Read in this order: memory (the contract in its shortest form), content, upload, local; then archives, extraction,
zips, tars; unpacking.
"""
