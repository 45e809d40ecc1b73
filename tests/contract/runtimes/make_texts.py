"""Makes small models of texts as Hugging Face directories and as bare ONNX graphs, with what they must answer.

Beside each folder, `<folder>.npz` holds `text` and the answers, computed here by NumPy text by text without padding.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
RANDOM = np.random.default_rng(5)
SIZE, CLASSES, LENGTH = 16, 3, 24
PAD = "<|right_pad|>"
SUBJECTS = ("the cat", "my neighbour", "a small ship", "她", "老师", "the river")
VERBS = ("sees", "likes", "carries", "喜欢", "看见", "never forgets")
OBJECTS = ("the old bridge", "warm bread", "music", "苹果", "一本书", "seven stones", "天气很好")
SENTENCES = [f"{a} {b} {c}" for a in SUBJECTS for b in VERBS for c in OBJECTS]
TEXTS = ["the cat sees music", "她 喜欢 苹果", "", "my neighbour never forgets the old bridge " * 9, "unseen zebra 7"]


def tokenizer():
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=200, special_tokens=["[PAD]", "[UNK]", "[CLS]", "[SEP]"])
    made.train_from_iterator(SENTENCES, trainer)
    marks = [(mark, made.token_to_id(mark)) for mark in ("[CLS]", "[SEP]")]
    made.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=marks)
    made.enable_padding(length=40, pad_id=0)  # what a file says of padding is not what is done
    made.enable_truncation(5)
    return made


def begun():
    """A tokenizer as decoders have them: no special tokens about a text, and a padding with a name of its own."""
    made = Tokenizer(models.WordPiece(unk_token="<|unknown|>"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=200, special_tokens=["<|begin|>", "<|unknown|>", PAD], show_progress=False
    )
    made.train_from_iterator(SENTENCES, trainer)
    return made


class Decoder:
    """Answers by the last token that is not the padding, as transformers' classifiers on decoders do."""

    def __init__(self, vocabulary, pad):
        self.words, self.mix, self.classes = floats(vocabulary, SIZE), floats(SIZE, SIZE), floats(SIZE, CLASSES)
        self.pad = pad

    def scores(self, ids):
        return softmax(np.tanh(self.words[ids].sum(axis=0) @ self.mix) @ self.classes)

    def model(self):
        node = helper.make_node
        nodes = [
            node("Gather", ["words", "input_ids"], ["own"]),
            node("CumSum", ["own", "one"], ["sums"]),
            node("MatMul", ["sums", "mix"], ["mixed"]),
            node("Tanh", ["mixed"], ["hidden"]),
            node("Equal", ["input_ids", "pad"], ["padding"]),
            node("Not", ["padding"], ["kept"]),
            node("Cast", ["kept"], ["counted"], to=INT64),
            node("CumSum", ["counted", "one"], ["counts"]),
            node("ArgMax", ["counts"], ["last"], axis=1, keepdims=1),
            node("GatherND", ["hidden", "last"], ["final"], batch_dims=1),
            node("MatMul", ["final", "classes"], ["logits"]),
        ]
        arrays = {"words": self.words, "mix": self.mix, "classes": self.classes}
        arrays |= {"one": np.array(1), "pad": np.array(self.pad)}
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info("input_ids", INT64, ["n", "t"])],
            [helper.make_tensor_value_info("logits", FLOAT, ["n", CLASSES])],
            [numpy_helper.from_array(array, name) for name, array in arrays.items()],
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        made.ir_version = 9
        onnx.checker.check_model(made)
        return made.SerializeToString()


class Encoder:
    """Every token's vector knows its place and the mean of all: it would notice padding that is not masked."""

    def __init__(self, vocabulary):
        self.words = floats(vocabulary, SIZE)
        self.places = floats(LENGTH + 8, SIZE)
        self.mix = floats(SIZE, SIZE)
        self.classes = floats(SIZE, CLASSES) * 4

    def hidden(self, ids):
        """[tokens, SIZE]"""
        own = self.words[ids] + self.places[: len(ids)]
        return np.tanh((own + own.mean(axis=0)) @ self.mix)

    def logits(self, ids):
        return self.hidden(ids)[0] @ self.classes

    def nodes(self, mask="attention_mask"):
        node = helper.make_node
        return [
            node("Gather", ["words", "input_ids"], ["own_words"]),
            node("Shape", ["input_ids"], ["count"], start=1, end=2),
            node("Slice", ["places", "nought", "count", "nought"], ["own_places"]),
            node("Add", ["own_words", "own_places"], ["own"]),
            node("Cast", [mask], ["weights"], to=FLOAT),
            node("Unsqueeze", ["weights", "two"], ["columns"]),
            node("Mul", ["own", "columns"], ["kept"]),
            node("ReduceSum", ["kept", "one"], ["sums"], keepdims=1),
            node("ReduceSum", ["columns", "one"], ["counts"], keepdims=1),
            node("Div", ["sums", "counts"], ["mean"]),
            node("Add", ["own", "mean"], ["both"]),
            node("MatMul", ["both", "mix"], ["mixed"]),
            node("Tanh", ["mixed"], ["last_hidden_state"]),
        ]

    def model(self, nodes, outputs, inputs=("input_ids", "attention_mask")):
        integers = {"nought": [0], "one": [1], "two": [2]}
        weights = {name: getattr(self, name) for name in ("words", "places", "mix", "classes")}
        arrays = {**weights, **{name: np.array(value) for name, value in integers.items()}}
        graph = helper.make_graph(
            nodes,
            "g",
            [helper.make_tensor_value_info(name, INT64, ["n", "t"]) for name in inputs],
            [helper.make_tensor_value_info(name, FLOAT, shape) for name, shape in outputs.items()],
            [numpy_helper.from_array(array, name) for name, array in arrays.items()],
        )
        made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        made.ir_version = 9
        onnx.checker.check_model(made)
        return made.SerializeToString()

    def encoder(self):
        return self.model(self.nodes(), {"last_hidden_state": ["n", "t", SIZE]})

    def classifier(self, output="logits"):
        node = helper.make_node
        head = [
            node("Slice", ["last_hidden_state", "nought", "one", "one"], ["firsts"]),
            node("Squeeze", ["firsts", "one"], ["first"]),
            node("MatMul", ["first", "classes"], ["logits"]),
            node("Softmax", ["logits"], ["probabilities"]),
        ]
        return self.model([*self.nodes(), *head], {output: ["n", CLASSES]})


def floats(*shape):
    return RANDOM.standard_normal(shape).astype(np.float32)


def softmax(logits):
    powers = np.exp(logits - logits.max())
    return powers / powers.sum()


def write(folder, files, texts=TEXTS, **expected):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    if expected:
        np.savez(folder.with_suffix(".npz"), text=np.array(texts), **expected)


def main(root):
    words = tokenizer()
    vocabulary = words.get_vocab_size()
    encoder = Encoder(vocabulary)
    file = words.to_str().encode()
    words.no_padding()
    words.enable_truncation(LENGTH)
    ids = [words.encode(text).ids for text in TEXTS]
    hidden = [encoder.hidden(one) for one in ids]
    mean = np.stack([one.mean(axis=0) for one in hidden])
    both = np.stack([np.concatenate([one[0], one.max(axis=0)]) for one in hidden])
    logits = np.stack([encoder.logits(one) for one in ids])
    tokens = np.array([len(one) for one in ids], dtype=np.int32)
    labels = {"0": "calm", "1": "glad", "2": "伤心"}
    settings = {"model_type": "bert", "max_position_embeddings": LENGTH, "hidden_size": SIZE, "vocab_size": vocabulary}
    encoding = {**settings, "architectures": ["BertModel"]}
    sorting = {**settings, "architectures": ["BertForSequenceClassification"], "id2label": labels}
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "name": "2", "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ]
    write(
        root / "encoder",
        {"config.json": encoding, "tokenizer.json": file, "model.onnx": encoder.encoder()},
        embedding=mean,
        tokens=tokens,
    )
    write(
        root / "sentences",
        {
            "config.json": {**encoding, "max_position_embeddings": LENGTH + 8},
            "sentence_bert_config.json": {"max_seq_length": LENGTH, "do_lower_case": False},
            "tokenizer.json": file,
            "onnx/model.onnx": encoder.encoder(),
            "modules.json": modules,
            "1_Pooling/config.json": {"pooling_mode_cls_token": True, "pooling_mode_max_tokens": True},
            "pytorch_model.bin": b"\x80\x02never opened",
        },
        embedding=both / np.linalg.norm(both, axis=1, keepdims=True),
        tokens=tokens,
    )
    write(
        root / "classifier",
        {"config.json": sorting, "tokenizer.json": file, "model.onnx": encoder.classifier()},
        scores=np.stack([softmax(one) for one in logits]),
    )
    write(
        root / "tagger",
        {
            "config.json": {**sorting, "problem_type": "multi_label_classification"},
            "tokenizer.json": file,
            "model.onnx": encoder.classifier(),
        },
        scores=1 / (1 + np.exp(-logits)),
    )
    words = begun()
    decoder = Decoder(words.get_vocab_size(), words.token_to_id(PAD))
    texts = [text for text in TEXTS if text]
    ends = [words.encode(text).ids[-10:] for text in texts]
    deciding = {"model_type": "llama", "architectures": ["LlamaForSequenceClassification"], "id2label": labels}
    about = {"truncation_side": "left", "model_max_length": 10, "tokenizer_class": "PreTrainedTokenizerFast"}
    write(
        root / "decoder",
        {
            "config.json": {**deciding, "pad_token_id": words.token_to_id(PAD), "max_position_embeddings": 8},
            "tokenizer.json": words.to_str().encode(),
            "tokenizer_config.json": {**about, "pad_token": {"__type": "AddedToken", "content": PAD}},
            "model.onnx": decoder.model(),
        },
        texts,
        scores=np.stack([decoder.scores(one) for one in ends]),
    )
    write(
        root / "plain",
        {"model.onnx": encoder.classifier("probabilities"), "words/tokenizer.json": file},
        probabilities=np.stack([softmax(one) for one in logits]),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
