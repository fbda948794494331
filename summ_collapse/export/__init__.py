"""What was selected, in the forms in which other trainers read it."""

from typing import Literal, get_args

Form = Literal["prompt-completion", "messages", "preference", "parquet"]
FORMS: tuple[Form, ...] = get_args(Form)
