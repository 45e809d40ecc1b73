"""Small formats that several parts read or write: numbers in JSON, varints, `tf.train.Example`s, lock files' lines."""
