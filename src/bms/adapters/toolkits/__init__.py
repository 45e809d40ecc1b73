"""Tools of training frameworks, each imported only inside the job that asked for it."""
