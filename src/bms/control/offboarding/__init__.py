"""Taking away what a deleted tenant owned: it stands above all features, since it ends what each of them keeps."""
