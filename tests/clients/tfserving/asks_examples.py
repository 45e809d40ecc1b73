"""tensorflow-serving-api asks a model that parses examples itself: `asks_examples.py TARGET KEY MODEL`."""

import sys

import tensorflow as tf

from tests.clients.tfserving.asks import Asker, example, outputs

HALVES = [{"length": 0.0}, {"length": 0.0, "tags": ["a"]}]


def main(target: str, key: str, model: str) -> None:
    asker = Asker(target, key)
    asker.tell("classify", lambda: asker.classes(model, HALVES))
    rows = [{"length": 1.0}, {"length": 2.0, "pair": [0.0, 0.5], "tags": ["aa", "bcd"]}]
    asker.tell("regress", lambda: asker.numbers(model, rows, {"count": 1}, signature="value"))
    given = tf.make_tensor_proto([example(row).SerializeToString() for row in HALVES])
    asker.tell("predict", lambda: outputs(asker.predict(model, {"inputs": given})))
    both = (("classify", "serving_default"), ("regress", "value"))
    asker.tell("multi", lambda: asker.both(model, rows, *both))
    asker.tell("no examples", lambda: asker.classes(model, []))
    asker.tell("a feature is missing", lambda: asker.classes(model, [{"count": 1}]))


if __name__ == "__main__":
    main(*sys.argv[1:])
