"""Stateful models: the open sequences of requests (`sequences`), and the execution of their steps in order
(`steps`)."""
