"""What an uploaded artifact is: which file is the model, and what the files beside it say."""
