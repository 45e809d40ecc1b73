"""Saves larger models of keras.applications, one folder each, with what they say of pictures."""

import sys
from pathlib import Path

from make_keras import application, keras

SIZE = (40, 32)
SMALL = {"input_shape": (*SIZE, 3), "weights": None, "classes": 3}


def main(root):
    keras.utils.set_random_seed(3)
    known = keras.applications
    for name, network in (("resnet", known.ResNet50(**SMALL)), ("efficientnet", known.EfficientNetB0(**SMALL))):
        application(root / name, network, getattr(known, name).preprocess_input, SIZE)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
