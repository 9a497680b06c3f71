"""The commands that make images, or bring the runtime into images of others, and all their words."""

from __future__ import annotations

from cog.cli.registry import (
    BASE_FLAGS,
    CONFIG_FILE,
    ENGINE,
    EXCLUSIVE_BASE,
    FAST,
    MANY,
    NO_CACHE,
    PROGRESS,
    SECRETS,
    SEPARATE_WEIGHTS,
    SWITCH,
    TIMESTAMP,
    USE_COG_BASE_IMAGE,
    USE_CUDA_BASE_IMAGE,
    Command,
    Flag,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from cog.cli.registry import Add

TAG = Flag("tag", "Name of the image, perhaps with a tag: NAME or NAME:TAG", short="t", metavar="NAME")
SCHEMA = Flag(
    "openapi-schema",
    "Use this OpenAPI schema instead of asking the model for it",
    metavar="FILE",
    env="COG_OPENAPI_SCHEMA",
    group="Building",
)
PLATFORM = Flag("platform", "Build for this platform, as linux/amd64 or linux/arm64", metavar="PLATFORM", group="Building")
BUILDER = Flag("builder", "Build with this buildx builder", metavar="NAME", group="Building")
NETWORK = Flag(
    "network",
    "Network for the commands of the build; `none` proves that the build needs no network",
    metavar="MODE",
    group="Building",
)
BUILD_CONTEXT = Flag(
    "build-context",
    "Another build context, or another source for an image name, as NAME=VALUE; may be repeated",
    kind=MANY,
    metavar="NAME=VALUE",
    group="Building",
)
MIRROR = Flag(
    "registry-mirror",
    "Take base images of Docker Hub from this registry instead",
    metavar="HOST",
    env="COG_REGISTRY_MIRROR",
    group="Building",
)
STRIP = Flag("strip", "Strip symbols from shared libraries of Python", kind=SWITCH, hidden=True, group="Building")
PRECOMPILE = Flag("precompile", "Compile installed packages to bytecode", kind=SWITCH, hidden=True, group="Building")
IMAGE_NAME = Flag("image-name", "Name of the image that the weights image is named after", metavar="NAME")
EXPLAIN = Flag("explain", "Say above each line which rule chose it", kind=SWITCH)
TOKEN_STDIN = Flag("token-stdin", "Read the token from standard input", kind=SWITCH)
REGISTRY = Flag("registry", "The registry to log in to", metavar="HOST", default="r8.im", hidden=True)
OUTPUT_FOLDER = Flag("output", "The folder to write", short="o", metavar="FOLDER", default="build")
FORCE = Flag("force", "Write into a folder that is not empty", kind=SWITCH)
DIRECTORY = Flag("directory", "Where to put the runtime", metavar="FOLDER", default="/opt/cog")

BUILDING = (
    ENGINE,
    CONFIG_FILE,
    PROGRESS,
    SECRETS,
    NO_CACHE,
    SEPARATE_WEIGHTS,
    SCHEMA,
    PLATFORM,
    BUILDER,
    NETWORK,
    BUILD_CONTEXT,
    MIRROR,
    TIMESTAMP,
    STRIP,
    PRECOMPILE,
    *BASE_FLAGS,
    FAST,
)


def register(add: Add) -> None:
    add(
        Command(
            "build",
            "Build an image from the model of this folder",
            "cog.cli.verbs_image:build",
            flags=(TAG, *BUILDING),
            examples=(
                ("named after the folder, or as `image` in cog.yaml says", "cog build"),
                ("with a name of your own", "cog build -t my-model:v1"),
                ("with credentials of a private package index", "cog build --secret id=pip,src=pip.conf"),
                ("big files in layers of their own", "cog build --separate-weights"),
                ("without any network", "cog build --network none"),
            ),
            exclusive=EXCLUSIVE_BASE,
        )
    )
    add(
        Command(
            "push",
            "Build the model of this folder and push it to a registry",
            "cog.cli.verbs_image:push",
            description="The registry is the one that the name says; credentials are those of `docker login`.",
            flags=BUILDING,
            positionals="[IMAGE]",
            maximum=1,
            examples=(
                ("to the `image` of cog.yaml", "cog push"),
                ("to a registry of your own", "cog push registry.example.com/team/my-model:v1"),
            ),
            synonyms=("publish", "upload"),
            exclusive=EXCLUSIVE_BASE,
        )
    )
    add(
        Command(
            "login",
            "Log in to a registry",
            "cog.cli.verbs_image:login",
            description="For any other registry than Replicate's use `docker login HOST`; cog uses the same credentials.",
            flags=(TOKEN_STDIN, REGISTRY),
            examples=(("with a token from a file", "cog login --token-stdin < token.txt"),),
            synonyms=("auth", "authenticate", "authorize"),
        )
    )
    add(
        Command(
            "debug",
            "Print the Dockerfile of this folder's model",
            "cog.cli.verbs_image:debug",
            description="Needs no Docker.",
            flags=(
                EXPLAIN,
                IMAGE_NAME,
                CONFIG_FILE,
                SECRETS,
                SEPARATE_WEIGHTS,
                MIRROR,
                TIMESTAMP,
                STRIP,
                PRECOMPILE,
                *BASE_FLAGS,
                Flag("json", "Print what was resolved as JSON", kind=SWITCH, hidden=True),
            ),
            examples=(
                ("the Dockerfile", "cog debug"),
                ("and why each line is there", "cog debug --explain"),
            ),
            synonyms=("dockerfile",),
            hidden=True,
            exclusive=EXCLUSIVE_BASE,
        )
    )
    add(
        Command(
            "eject",
            "Write a build folder that needs no cog any more",
            "cog.cli.verbs_image:eject",
            description=(
                "A commented Dockerfile with everything that it copies, and a script that builds it with plain\n"
                "`docker build`. From then on it is yours to change."
            ),
            flags=(
                OUTPUT_FOLDER,
                FORCE,
                CONFIG_FILE,
                SECRETS,
                MIRROR,
                SCHEMA,
                USE_CUDA_BASE_IMAGE,
                USE_COG_BASE_IMAGE,
            ),
            examples=(
                ("write it", "cog eject -o build"),
                ("build it", "docker build -t my-model build"),
            ),
            exclusive=(("use-cog-base-image", "use-cuda-base-image"),),
        )
    )
    add(
        Command(
            "install",
            "Put the prediction server into the image that is being built",
            "cog.cli.verbs_image:install",
            description=(
                "For Dockerfiles of your own, in any image with Python 3.8 or newer. Needs no network and no pip.\n"
                "Prints the lines to add."
            ),
            flags=(DIRECTORY,),
            examples=(("in a Dockerfile", "COPY cog.pyz /tmp/cog.pyz\n  RUN python /tmp/cog.pyz install"),),
        )
    )


__all__ = ["register"]
