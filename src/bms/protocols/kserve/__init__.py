"""Extensions of KServe's servers to the Open Inference Protocol: CloudEvents, and rows that are pandas frames. Labels
of classifiers are in `oip`."""
