"""The one encoder: (document, optional completion) to token ids, for training, generation and likelihood alike.

A sequence is BOS, prompt head, document (cut to its budget), prompt tail, and then the completion with its EOS. Head, tail
and completion are never cut, and no text is ever parsed as a special token but a chat template's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from summ_collapse.errors import InputError
from summ_collapse.tasks.chat import Chat
from summ_collapse.tasks.prompt import Prompt

IGNORED = -100  # the label of what is not learnt


@dataclass(frozen=True)
class Encoded:
    """Token ids of one sequence; ids[prompt_length:] is the completion with its EOS."""

    ids: list[int]
    prompt_length: int
    truncated: bool

    @property
    def completion_mask(self) -> list[int]:
        """1 where the loss counts, one entry a token."""
        return [0] * self.prompt_length + [1] * (len(self.ids) - self.prompt_length)

    @property
    def labels(self) -> list[int]:
        """What the model is to say at each position; IGNORED where the loss does not count."""
        return [IGNORED] * self.prompt_length + self.ids[self.prompt_length :]


class Encoder:
    """Encodes for one tokenizer, prompt and document budget (in tokens)."""

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, prompt: Prompt, max_document_tokens: int, chat: Chat | None = None
    ) -> None:
        if tokenizer.eos_token_id is None:
            raise InputError(f"{tokenizer.name_or_path}: expected a tokenizer with an EOS token, which ends a completion")
        self.tokenizer = tokenizer
        self.max_document_tokens = max_document_tokens
        self.eos = int(tokenizer.eos_token_id)
        # Llama-2 has no pad token. Padding is masked everywhere, so any token can stand in.
        stand_in = tokenizer.unk_token_id if tokenizer.unk_token_id is not None else tokenizer.eos_token_id
        self.pad = int(tokenizer.pad_token_id if tokenizer.pad_token_id is not None else stand_in)
        self.special = {
            token for token in tokenizer.all_special_ids if tokenizer.unk_token_id is not None and token != tokenizer.unk_token_id
        }
        self.chat = chat
        self.prompt = prompt if chat is None else chat.rendered(prompt, tokenizer)
        head, self.tail = self.template([self.prompt.head, self.prompt.tail])
        # A chat template has a BOS of its own.
        bos = [] if chat is not None or tokenizer.bos_token_id is None else [int(tokenizer.bos_token_id)]
        self.head = bos + head
        self.separator = self._separator(self.prompt)

    def template(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of parts of the prompt. A chat template is the only text in which special tokens are parsed: its model's
        maker wrote it.
        """
        if self.chat is None:
            return self.tokens(texts)
        found: list[list[int]] = self.tokenizer(list(texts), add_special_tokens=False, split_special_tokens=False)["input_ids"]
        return found

    @property
    def prompt_overhead(self) -> int:
        """Tokens of a prompt beside its document."""
        return len(self.head) + len(self.tail)

    def check_room(self, positions: int | None, completion_tokens: int) -> None:
        """InputError unless the document budget, the prompt and a completion fit a model of `positions` tokens."""
        needed = self.prompt_overhead + self.max_document_tokens + completion_tokens
        if positions is not None and needed > positions:
            raise InputError(
                f"task.max_document_tokens: a document of {self.max_document_tokens} tokens, the prompt's {self.prompt_overhead} "
                f"and a completion of {completion_tokens} need {needed} positions; the model has {positions}"
            )

    def encode(self, documents: Sequence[str], completions: Sequence[str] | None = None) -> list[Encoded]:
        """One sequence a document; without completions, prompts to generate from."""
        bodies = self.tokens(documents)
        endings: list[list[int]] = [[]] * len(bodies) if completions is None else self.endings(completions)
        encoded = []
        for body, ending in zip(bodies, endings, strict=True):
            prompt = [*self.head, *body[: self.max_document_tokens], *self.tail]
            encoded.append(Encoded(prompt + ending, len(prompt), len(body) > self.max_document_tokens))
        return encoded

    def endings(self, completions: Sequence[str]) -> list[list[int]]:
        """What follows a prompt: each completion with its EOS; an empty one is its EOS alone."""
        texts = [self.separator + text if text else "" for text in completions]
        return [[*ids, self.eos] for ids in self.tokens(texts)]

    def beginnings(self, prefixes: Sequence[str]) -> list[list[int]]:
        """What follows a prompt where a completion goes on behind it; "" is nothing."""
        return [ids[:-1] for ids in self.endings(prefixes)]

    def decode(self, completions: Sequence[Sequence[int]]) -> list[str]:
        """The texts of generated ids, special tokens left out."""
        texts = self.tokenizer.batch_decode(completions, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return [text.strip() for text in texts]

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of texts that stand inside a sequence, whole."""
        if not texts:
            return []
        encoding = self.tokenizer(
            list(texts),
            add_special_tokens=False,
            split_special_tokens=True,
            return_attention_mask=False,
            verbose=False,
        )
        return [self._without_special(ids) for ids in encoding["input_ids"]]

    def _without_special(self, ids: list[int]) -> list[int]:
        """A word-level vocabulary holds the special tokens as words, which `split_special_tokens` cannot split."""
        if self.special.isdisjoint(ids):
            return ids
        unknown = self.tokenizer.unk_token_id
        return [unknown if token in self.special else token for token in ids]

    def _separator(self, prompt: Prompt) -> str:
        """What stands between prompt and completion: a blank, unless the prompt ends in one or the tokenizer adds it."""
        if prompt.tail[-1:].isspace():
            return ""
        first = self.tokenizer.convert_ids_to_tokens(self.tokens(["a"])[0])[0]
        return "" if first.startswith("▁") else " "
