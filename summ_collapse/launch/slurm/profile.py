"""What a SLURM site wants to be told, in one YAML file: partition, account, sizes, time, modules, environment."""

import fnmatch
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import Field, ValidationError

from summ_collapse.errors import InputError
from summ_collapse.recipe.blocks import Options
from summ_collapse.recipe.errors import describe

Time = Annotated[str, Field(pattern=r"^(\d+-)?\d{1,3}(:\d{2}){0,2}$")]


class Resources(Options):
    """What the stages of one pattern want that the others do not; None where they want the same."""

    partition: str | None = Field(None, description="partition")
    account: str | None = Field(None, description="account")
    nodes: int | None = Field(None, gt=0, description="nodes")
    gpus: int | None = Field(None, ge=0, description="GPUs a node")
    cpus: int | None = Field(None, gt=0, description="CPUs a node's task")
    memory: str | None = Field(
        None,
        pattern=r"^(\d+[KMGT]?|plan)$",
        description="memory a node, such as 256G; plan: as much as `summ-collapse plan` counts",
    )
    time: Time | None = Field(None, description="time limit: minutes, HH:MM:SS or D-HH:MM:SS")
    options: list[str] | None = Field(None, description="further sbatch options, such as --qos=preemptible")


class Profile(Resources):
    """A site and its defaults for every stage.

    `without_model` is for stages that run none: reading data, random and ROUGE scores, selections, the lead, the report.
    """

    modules: list[str] = Field([], description="environment modules to load")
    environment: dict[str, str] = Field({}, description="environment variables to set")
    setup: list[str] = Field([], description="shell lines that run first in every job")
    warning_seconds: int = Field(300, ge=0, le=65535, description="seconds before the end of the time to write a checkpoint in")
    join: bool = Field(False, description="one job for stages that follow each other, such as a training and its evaluation")
    without_model: Resources = Field(Resources(), description="what stages want that run no model; they never ask for a GPU")
    stages: dict[str, Resources] = Field({}, description="what stages want that differs, by name or pattern")

    def resources(self, stage: str, runs_a_model: bool) -> Resources:
        """What one stage wants: the defaults, and over them every pattern that fits its name, in order."""
        wanted = {name: getattr(self, name) for name in Resources.model_fields}
        if not runs_a_model:
            wanted |= {"nodes": 1, "gpus": 0, **self.without_model.model_dump(exclude_none=True)}
        for pattern, resources in self.stages.items():
            if fnmatch.fnmatchcase(stage, pattern):
                wanted |= resources.model_dump(exclude_none=True)
        return Resources(**wanted)


def load_profile(path: Path | None) -> Profile:
    """The profile in `path`; the site's own defaults where there is none. InputError names the file and the key."""
    if path is None:
        return Profile()
    try:
        raw = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not valid YAML: {' '.join(str(error).split())}") from None
    try:
        return Profile.model_validate({} if raw is None else raw)
    except ValidationError as error:
        raise InputError("\n".join(f"{path}: {describe(detail, Profile)}" for detail in error.errors())) from None
