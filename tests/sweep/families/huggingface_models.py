"""Makes tiny models with the real libraries, transformers and sentence-transformers: architectures × tokenizers ×
settings, and what the library answers to each text by itself.

For each a folder `NAME/`, and beside it `NAME.json`: {"texts": …, "answers": a list of numbers for each text, or what
the library says of one that it refuses}. Runs in the libraries' own environment: no import of ours.
"""

import json
import sys
from pathlib import Path

import torch
import transformers as hf
from sentence_transformers import SentenceTransformer
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Pooling
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

WORDS = (
    "the cat likes warm bread and cold tea",
    "seven stones lie under the old bridge",
    "my neighbour never forgets a small ship",
    "Das Café hat schöne Türen und KALTEN Tee",
    "老师 喜欢 这本书 和 苹果",
)
LONG = "warm bread and cold tea under the old bridge "
TEXTS = (
    "tea",
    "the cat likes tea",
    "The CAT likes TEA",
    "schöne Türen, Café!",
    "老师喜欢苹果",
    "a",
    LONG * 6 + "never forgets",
    "seven stones lie under the old bridge and the cat likes them",
    "  two   blanks\tand a tab ",
    LONG,
    "the cat [PAD] likes <pad> tea",
    "[MASK] the <mask>",
    "unseen zebra 7, 8 & 9",
    "my neighbour never forgets",
    "stones stones stones stones",
    LONG * 2 + "Das Café",
)
LENGTH = 24
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
LABELS = {0: "calm", 1: "glad", 2: "伤心"}
STRONG = {"initializer_range": 0.4}  # else all answers are about the same


# Tokenizers


def wordpiece(special=("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), lower=True):
    made = Tokenizer(models.WordPiece(unk_token=special[1]))
    made.normalizer = normalizers.BertNormalizer(lowercase=lower)
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=220, special_tokens=list(special), show_progress=False)
    made.train_from_iterator(WORDS * 20, trainer)
    marks = [(mark, made.token_to_id(mark)) for mark in special[2:4]]
    made.post_processor = processors.TemplateProcessing(
        single=f"{special[2]} $A {special[3]}",
        pair=f"{special[2]} $A {special[3]} $B:1 {special[3]}:1",
        special_tokens=marks,
    )
    return made


def bpe(special):
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=360, special_tokens=list(special), initial_alphabet=sorted(alphabet), show_progress=False
    )
    made.train_from_iterator(WORDS * 20, trainer)
    return made


def unigram(special, unknown):
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace()])
    trainer = trainers.UnigramTrainer(
        vocab_size=150, special_tokens=list(special), unk_token=unknown, show_progress=False
    )
    made.train_from_iterator(WORDS * 20, trainer)
    return made


def vocabulary(made):
    return dict(sorted(made.get_vocab().items(), key=lambda item: item[1]))


def bert_tokenizer(kind=hf.BertTokenizer, lower=True, **settings):
    words = vocabulary(wordpiece(lower=lower))
    return kind(vocab=words, do_lower_case=lower, model_max_length=LENGTH, **settings)


def roberta_tokenizer(**settings):
    made = json.loads(bpe(("<s>", "<pad>", "</s>", "<unk>", "<mask>")).to_str())["model"]
    merges = [tuple(pair) for pair in made["merges"]]
    return hf.RobertaTokenizer(vocab=made["vocab"], merges=merges, model_max_length=LENGTH, **settings)


def scored(special, unknown):
    vocab = json.loads(unigram(special, unknown).to_str())["model"]["vocab"]
    return [(piece, score) for piece, score in vocab]


def plain(made, **settings):
    return hf.PreTrainedTokenizerFast(tokenizer_object=made, model_max_length=LENGTH, **settings)


def own_pad(pad="<|right_pad|>", **settings):
    """As decoders are fine-tuned: the padding has a name of its own."""
    return plain(bpe(("<|begin|>", pad)), bos_token="<|begin|>", pad_token=pad, **settings)


# Models


def classifier(kind, config, words, **settings):
    more = {"pad_token_id": words.pad_token_id, "id2label": LABELS, "label2id": {v: k for k, v in LABELS.items()}}
    more |= {"vocab_size": len(words), **SIZES, **STRONG, **settings}
    return kind(config(**more))


def encoder(kind, config, words, **settings):
    more = {"pad_token_id": words.pad_token_id, "vocab_size": len(words), **SIZES, **STRONG, **settings}
    return kind(config(**more))


def gpt2(words, **settings):
    more = {"vocab_size": len(words), "n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 64, "num_labels": 3}
    ids = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": words.pad_token_id}
    return hf.GPT2ForSequenceClassification(hf.GPT2Config(**{**more, **ids, **STRONG, **settings}))


def opt(words):
    more = {
        "vocab_size": len(words),
        "hidden_size": 32,
        "ffn_dim": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
    }
    ids = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": words.pad_token_id}
    config = hf.OPTConfig(**more, **ids, max_position_embeddings=64, num_labels=3, init_std=0.4, word_embed_proj_dim=32)
    return hf.OPTForSequenceClassification(config)


def llama(words, **settings):
    more = {**SIZES, **STRONG, "num_key_value_heads": 2, "max_position_embeddings": 64, "num_labels": 3}
    ids = {"vocab_size": len(words), "bos_token_id": 0, "eos_token_id": 0, "pad_token_id": words.pad_token_id}
    return hf.LlamaForSequenceClassification(hf.LlamaConfig(**{**more, **ids, **settings}))


def xlnet(words):
    config = hf.XLNetConfig(
        vocab_size=len(words), d_model=32, n_layer=2, n_head=2, d_inner=64, num_labels=3,
        pad_token_id=words.pad_token_id, **STRONG,
    )  # fmt: skip
    return hf.XLNetForSequenceClassification(config)


def t5(words):
    config = hf.T5Config(
        vocab_size=len(words), d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2, pad_token_id=words.pad_token_id,
        eos_token_id=1, decoder_start_token_id=0, initializer_factor=3.0,
    )  # fmt: skip
    return hf.T5EncoderModel(config)


POSITIONS = {"max_position_embeddings": 64}
BERT = (hf.BertForSequenceClassification, hf.BertConfig)
SHORT = {"max_position_embeddings": LENGTH + 2}


def classifiers():
    """Name → (model, tokenizer)."""
    words = bert_tokenizer()
    yield "bert", classifier(*BERT, words, **POSITIONS), words
    yield "bert-tags", classifier(*BERT, words, problem_type="multi_label_classification", **POSITIONS), words
    yield "bert-regression", classifier(*BERT, words, problem_type="regression", **POSITIONS), words
    yield "bert-one", classifier(*BERT, words, id2label={0: "yes"}, label2id={"yes": 0}, **POSITIONS), words
    cased = bert_tokenizer(lower=False)
    yield "bert-cased", classifier(*BERT, cased, **POSITIONS), cased
    left = bert_tokenizer(truncation_side="left")
    yield "bert-left", classifier(*BERT, left, **POSITIONS), left
    padded = plain(wordpiece(("<void>", "[UNK]", "[CLS]", "[SEP]")), pad_token="<void>", truncation_side="left")
    yield "bert-plain-left", classifier(*BERT, padded, **POSITIONS), padded
    split = bert_tokenizer(split_special_tokens=True)
    yield "bert-split", classifier(*BERT, split, **POSITIONS), split
    accents = bert_tokenizer(strip_accents=False)
    yield "bert-accents", classifier(*BERT, accents, **POSITIONS), accents
    distil = bert_tokenizer(hf.DistilBertTokenizer)
    yield "distilbert", hf.DistilBertForSequenceClassification(
        hf.DistilBertConfig(
            vocab_size=len(distil), dim=32, n_layers=2, n_heads=2, hidden_dim=64, num_labels=3,
            max_position_embeddings=64, pad_token_id=distil.pad_token_id, **STRONG,
        )
    ), distil  # fmt: skip
    electra = bert_tokenizer(hf.ElectraTokenizer)
    yield (
        "electra",
        classifier(hf.ElectraForSequenceClassification, hf.ElectraConfig, electra, embedding_size=32, **POSITIONS),
        electra,
    )
    roberta = roberta_tokenizer()
    yield "roberta", classifier(hf.RobertaForSequenceClassification, hf.RobertaConfig, roberta, **SHORT), roberta
    blank = roberta_tokenizer(add_prefix_space=True)
    yield "roberta-blank", classifier(hf.RobertaForSequenceClassification, hf.RobertaConfig, blank, **SHORT), blank
    pieces = scored(("<s>", "<pad>", "</s>", "<unk>", "<mask>"), "<unk>")
    xlmr = hf.XLMRobertaTokenizer(vocab=pieces, model_max_length=LENGTH)
    yield "xlm-roberta", classifier(hf.XLMRobertaForSequenceClassification, hf.XLMRobertaConfig, xlmr, **SHORT), xlmr
    pieces = scored(("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"), "<unk>")
    albert = hf.AlbertTokenizer(vocab=pieces, model_max_length=LENGTH)
    yield (
        "albert",
        classifier(hf.AlbertForSequenceClassification, hf.AlbertConfig, albert, embedding_size=16, **POSITIONS),
        albert,
    )
    pieces = scored(("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"), "[UNK]")
    deberta = hf.DebertaV2Tokenizer(vocab=pieces, model_max_length=LENGTH)
    yield "deberta", classifier(
        hf.DebertaV2ForSequenceClassification, hf.DebertaV2Config, deberta, relative_attention=True,
        max_position_embeddings=8, position_biased_input=False, pos_att_type=["p2c", "c2p"],
    ), deberta  # fmt: skip
    pad = own_pad()
    yield "llama-own-pad", llama(pad), pad
    yield "gpt2-own-pad", gpt2(pad), pad
    yield "opt-own-pad", opt(pad), pad
    end = plain(bpe(("<|endoftext|>",)), eos_token="<|endoftext|>", pad_token="<|endoftext|>")
    yield "gpt2-end-pads", gpt2(end), end
    none = plain(bpe(("<|endoftext|>",)), eos_token="<|endoftext|>")
    yield "gpt2-no-pad", gpt2(none, pad_token_id=None), none
    other = own_pad(padding_side="left")
    yield "llama-left", llama(other), other
    yield "llama-other-pad", llama(other, pad_token_id=5), other
    endless = own_pad()
    endless.model_max_length = int(1e30)
    yield "llama-endless", llama(endless, max_position_embeddings=16), endless
    pieces = scored(("<unk>", "<s>", "</s>", "<cls>", "<sep>", "<pad>", "<mask>"), "<unk>")
    last = hf.XLNetTokenizer(vocab=pieces, model_max_length=LENGTH)
    yield "xlnet", xlnet(last), last


def encoders():
    """Name → (model, tokenizer, modules behind it, settings of sentence-transformers, of its first module)."""
    pool = Pooling
    words = bert_tokenizer()
    bert = (hf.BertModel, hf.BertConfig)

    def made(**settings):
        return encoder(*bert, words, **POSITIONS, **settings)

    for way in Pooling.POOLING_MODES:
        yield f"pooled-{way}", made(), words, [pool(32, way)], {}, {}
    yield "pooled-two", made(), words, [pool(32, ["mean", "cls"]), Normalize()], {}, {}
    prompts = {"prompts": {"query": "the old bridge: ", "none": ""}, "default_prompt_name": "query"}
    yield "prompt", made(), words, [pool(32, "mean")], prompts, {}
    for way in ("mean", "cls", "weightedmean", "lasttoken", "max"):
        yield f"prompt-left-out-{way}", made(), words, [pool(32, way, include_prompt=False)], prompts, {}
    tanh = Dense(32, 12)
    yield "dense", made(), words, [pool(32, "mean"), tanh, Normalize()], {"truncate_dim": 7}, {}
    linear = Dense(32, 32, bias=False, activation_function=torch.nn.Identity(), use_residual=True)
    yield "dense-residual", made(), words, [pool(32, "mean"), linear], {}, {}
    cased = bert_tokenizer(lower=False)
    lowered = encoder(*bert, cased, **POSITIONS)
    yield "lowered", lowered, cased, [pool(32, "mean")], {}, {"do_lower_case": True}
    yield "cut", made(), words, [pool(32, "mean")], {}, {"max_seq_length": 9}
    yield "longer", made(), words, [pool(32, "mean")], {}, {"max_seq_length": 40}
    left = bert_tokenizer(truncation_side="left")
    yield "left", encoder(*bert, left, **POSITIONS), left, [pool(32, "mean")], {}, {}
    mpnet = hf.MPNetTokenizer(
        vocab=vocabulary(wordpiece(("<s>", "<pad>", "</s>", "[UNK]", "<mask>"))), model_max_length=LENGTH
    )
    yield "mpnet", encoder(hf.MPNetModel, hf.MPNetConfig, mpnet, **SHORT), mpnet, [pool(32, "mean")], {}, {}
    roberta = roberta_tokenizer()
    yield (
        "roberta-mean",
        encoder(hf.RobertaModel, hf.RobertaConfig, roberta, **SHORT),
        roberta,
        [pool(32, "mean")],
        {},
        {},
    )
    pieces = scored(("<pad>", "</s>", "<unk>"), "<unk>")
    ends = hf.T5Tokenizer(vocab=pieces, extra_ids=0, model_max_length=LENGTH)
    yield "t5", t5(ends), ends, [pool(32, "mean"), Normalize()], {}, {}
    pad = own_pad(padding_side="left")
    more = {**SIZES, **STRONG, "num_key_value_heads": 2, "max_position_embeddings": 64, "vocab_size": len(pad)}
    last = hf.LlamaModel(hf.LlamaConfig(**more, bos_token_id=0, eos_token_id=0, pad_token_id=pad.pad_token_id))
    yield "llama-last", last, pad, [pool(32, "lasttoken")], {}, {}


def answers(ask):
    found = []
    for text in TEXTS:
        try:
            found.append([float(number) for number in ask(text)])
        except Exception as error:  # noqa: BLE001 - what the library refuses
            found.append(f"{type(error).__name__}: {error}")
    return found


def write(folder, ask):
    Path(f"{folder}.json").write_text(json.dumps({"texts": TEXTS, "answers": answers(ask)}))


def expect_classes(folder):
    pipe = hf.pipeline("text-classification", str(folder), top_k=None, device="cpu")
    order = list(pipe.model.config.id2label.values())

    def ask(text):
        given = pipe(text, truncation=pipe.tokenizer.model_max_length < 1 << 40)
        given = given[0] if isinstance(given[0], list) else given
        return [next(one["score"] for one in given if one["label"] == label) for label in order]

    write(folder, ask)


def expect_vectors(folder):
    model = SentenceTransformer(str(folder), device="cpu")
    write(folder, lambda text: model.encode([text])[0])


class Graph(torch.nn.Module):
    """A model as its graph is exported: tensors in the order of their names, one out."""

    def __init__(self, model, names):
        super().__init__()
        self.model, self.names = model, names

    def forward(self, *given):
        return self.model(**dict(zip(self.names, given, strict=True)))[0]


def export(source, folder, words, output):
    """The same directory with the graph instead of its weights."""
    folder.mkdir()
    for path in source.rglob("*"):
        if (path.is_file() and path.name != "model.safetensors") or path.parent != source:
            place = folder / path.relative_to(source)
            place.parent.mkdir(exist_ok=True, parents=True)
            if path.is_file():
                place.write_bytes(path.read_bytes())
    auto = hf.AutoModelForSequenceClassification if output == "logits" else hf.AutoModel
    model = auto.from_pretrained(source).eval()
    given = words(["warm bread", "cold tea and bread"], padding=True, return_tensors="pt")
    names = [name for name in ("input_ids", "attention_mask", "token_type_ids") if name in given]
    torch.onnx.export(
        Graph(model, names), tuple(given[name] for name in names), folder / "model.onnx", input_names=names,
        output_names=[output], dynamic_axes={name: {0: "rows", 1: "tokens"} for name in [*names, "last_hidden_state"]}
        | {"logits": {0: "rows"}}, opset_version=17, dynamo=False,
    )  # fmt: skip
    Path(f"{folder}.json").write_bytes(Path(f"{source}.json").read_bytes())


GRAPHS = ("bert", "bert-left", "bert-split", "distilbert", "electra", "roberta", "xlm-roberta", "albert", "mpnet",
          "prompt-left-out-mean", "dense", "lowered", "cut", "pooled-two")  # fmt: skip


def main(root):
    torch.set_num_threads(1)
    hf.utils.logging.set_verbosity_error()
    for name, model, words in classifiers():
        torch.manual_seed(7)
        model.eval().save_pretrained(root / name)
        words.save_pretrained(root / name)
        expect_classes(root / name)
        if name in GRAPHS:
            export(root / name, root / f"{name}.onnx", words, "logits")
    for name, model, words, modules, settings, first in encoders():
        bare = root / "bare" / name
        model.eval().save_pretrained(bare)
        words.save_pretrained(bare)
        transformer = Transformer(str(bare), **{key: first[key] for key in first if key == "max_seq_length"})
        size = settings.pop("truncate_dim", None)
        made = SentenceTransformer(modules=[transformer, *modules], device="cpu", truncate_dim=size, **settings)
        made.save_pretrained(str(root / name), create_model_card=False)
        if first:  # newer versions don't write it, and read it
            path = root / name / "sentence_bert_config.json"
            path.write_text(json.dumps({**json.loads(path.read_text()), **first}))
        expect_vectors(root / name)
        if name in GRAPHS:
            export(root / name, root / f"{name}.onnx", words, "last_hidden_state")
    import shutil

    shutil.rmtree(root / "bare")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
