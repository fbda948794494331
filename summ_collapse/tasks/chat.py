"""A prompt in a model's own chat template, for models that were taught to answer in one. Used only where the recipe says so."""

from typing import TYPE_CHECKING

from pydantic import Field

from summ_collapse.errors import InputError, first_line
from summ_collapse.recipe.blocks import Options
from summ_collapse.tasks.prompt import PLACEHOLDER, Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Chat(Options):
    """That a model is asked through its chat template: the prompt is what the user says."""

    system: str | None = Field(None, description="what the system says first; nothing where absent")

    def rendered(self, prompt: Prompt, tokenizer: "PreTrainedTokenizerBase") -> Prompt:
        """The template's text in front of the document and behind it, BOS with it, up to where the answer begins.

        InputError where the tokenizer has no template, or its template takes no such conversation.
        """
        if not tokenizer.chat_template:
            raise InputError(
                f"chat: the tokenizer of {tokenizer.name_or_path} has no chat template; leave `chat` out for base models"
            )
        conversation = [{"role": "user", "content": prompt.head + PLACEHOLDER + prompt.tail}]
        if self.system is not None:
            conversation.insert(0, {"role": "system", "content": self.system})
        try:
            text = tokenizer.apply_chat_template(conversation, tokenize=False, add_generation_prompt=True)
        except Exception as error:  # a template is a program of its maker's, and raises what it likes
            raise InputError(f"chat: the template of {tokenizer.name_or_path} refuses: {first_line(error)}") from error
        if text.count(PLACEHOLDER) != 1:
            raise InputError(
                f"chat: the template of {tokenizer.name_or_path} gives the prompt {text.count(PLACEHOLDER)} times, not once"
            )
        return Prompt(*text.split(PLACEHOLDER))
