"""Removes what a deleted tenant owned. It stands above all features, since it ends what each of them keeps."""
