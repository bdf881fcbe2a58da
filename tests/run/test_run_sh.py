"""run.sh: what it refuses before it installs or writes anything, and what its stages start, do not
start again and never lose. Played programs stand for those that convert, teach, train and score."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from whyser import __version__

FOLDER = "llamafactory_configs/"
#: Writes down its words, and leaves the files that the real program would. A file `hook` of the
#: checkout is read first, so that a test can have something happen meanwhile, or a failure.
PROGRAM = r"""#!/bin/bash
set -eu
name=$(basename "$0")
echo "$name $*" >>calls.txt
for ((n = 1; n <= $#; n++)); do
    if [[ ${!n} == --output ]]; then next=$((n + 1)); output=${!next}; fi
done
[[ ! -e hook ]] || source ./hook
write() { mkdir -p "$(dirname "$1")"; echo "${2-}" >"$1"; }
case "$name $1" in
"whyser-demo corpora") mkdir -p "$2"/{msp_podcast,iemocap,meld,crema_d,ravdess} ;;
"whyser-demo model") write "$2/config.json" "{}" ;;
"whyser-convert sharegpt") write "$output.json" '[{"row": 1}, {"row": 2}]' ;;
"whyser-convert import")
    for one in {utterances.jsonl,corpus.json}; do write "$output/$one" "{}"; done
    for one in mine mine_test mine_test_shuffled; do
        write "$output/$one.json" '[{"row": 1}]'; write "$output/$one.manifest.jsonl" "{}"
    done
    write "$output/dataset_info.json" '{"mine": {}, "mine_test": {}, "mine_test_shuffled": {}}' ;;
"whyser-convert check" | "whyser-convert tokenize" | "whyser-demo encoder") ;;
"whyser-convert "*) write "$3/$1/utterances.jsonl" "{}"; write "$3/$1/corpus.json" "{}" ;;
"whyser-baseline "*) write "$output/predictions.jsonl" ;;
"whyser-teach "* | "whyser-eval join") write "$output" ;;
"whyser-eval score")
    for one in {scores,audit,provenance}.json samples.jsonl; do write "$output/$one"; done ;;
"whyser-eval report") write "$2/report.html" ;;
"llamafactory-cli train")
    folder=$(sed -n 's/^output_dir: //p' "$2")
    write "$folder/model.safetensors" "trained" ;;
*) echo "nobody plays $name $*" >&2; exit 9 ;;
esac
"""
#: Stands for the module that asks the model.
GENERATE = """
import sys, yaml
from pathlib import Path
settings = yaml.safe_load(Path(sys.argv[1]).read_text())
with open("calls.txt", "a") as stream:
    print("generate", settings["eval_dataset"], file=stream)
for name in settings["eval_dataset"].split(","):
    Path(settings["output_dir"], name, "generated_predictions.jsonl").write_text("{}")
"""
PROGRAMS = (
    *("whyser-demo", "whyser-convert", "whyser-teach", "whyser-baseline", "whyser-eval"),
    "llamafactory-cli",
)


class Checkout:
    """run.sh in a folder of its own: a call that went too far would be seen there."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.root, self.folder = root, folder / "checkout"
        shutil.copytree(root / "llamafactory_configs", self.folder / "llamafactory_configs")
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(root / "workflow", self.folder / "workflow", ignore=ignored)
        shutil.copy(root / "run.sh", self.folder)
        (self.folder / "src/whyser").mkdir(parents=True)
        shutil.copy(root / "src/whyser/__init__.py", self.folder / "src/whyser")

    def play(self) -> None:
        """Puts the played programs into `.venv`, with this test's interpreter."""
        bin_ = self.folder / ".venv/bin"
        bin_.mkdir(parents=True)
        paths = [self.folder / "workflow", *(self.root / p for p in ("src", "converters", "eval"))]
        python = f'#!/bin/sh\nexport PYTHONPATH="{":".join(map(str, paths))}"\n'
        scripts = dict.fromkeys(PROGRAMS, PROGRAM)
        scripts["python"] = f'{python}exec "{sys.executable}" "$@"\n'
        for name, text in scripts.items():
            (bin_ / name).write_text(text)
            (bin_ / name).chmod(0o755)
        (self.folder / "install.sh").write_text("#!/bin/sh\n")
        (self.folder / "install.sh").chmod(0o755)
        (self.folder / "workflow/whyser_workflow/generate.py").write_text(GENERATE)

    def run(
        self, *words: str, **environment: str
    ) -> tuple[subprocess.CompletedProcess[str], list[str]]:
        """The call's end, and the programs that it started."""
        calls = self.folder / "calls.txt"
        calls.unlink(missing_ok=True)
        ours = ("WHYSER_", "TEACHER_", "PYTHONPATH")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        done = subprocess.run(
            ["bash", str(self.folder / "run.sh"), *words],
            capture_output=True, text=True, check=False,
            env={**kept, "PYTHON": sys.executable, "HF_HUB_OFFLINE": "1", **environment},
        )  # fmt: skip
        return done, calls.read_text().splitlines() if calls.exists() else []

    def succeeds(self, *words: str, **environment: str) -> list[str]:
        done, calls = self.run(*words, **environment)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return calls

    def files(self) -> set[str]:
        """Its files, but for Snakemake's own and the compiled."""
        found = (path.relative_to(self.folder) for path in self.folder.rglob("*"))
        return {str(path) for path in found if not {".snakemake", "__pycache__"} & {*path.parts}}


@pytest.fixture
def checkout(root: Path, tmp_path: Path) -> Checkout:
    return Checkout(tmp_path, root)


@pytest.fixture
def played(checkout: Checkout, needs: Callable[[str, str], None]) -> Checkout:
    needs("snakemake", "./install.sh workflow")
    needs("llamafactory", "./install.sh train")
    checkout.play()
    return checkout


def programs(calls: list[str], *names: str) -> list[str]:
    return [line for line in calls if line.startswith(names)]


# ---- before the installation ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--corpora", "ravdess"], "--corpora: expected NAME=VALUE, got 'ravdess'"),
        (["--name", ".."], "--name: '..': use letters, digits"),
        (["--from", "score", "--to", "build"], "--from score comes after --to build"),
        (["--to", "end"], "--to: invalid choice: 'end'"),
        (["--set", "fast"], "--set: expected NAME=VALUE, got 'fast'"),
        (["--nonsense", "1"], "unrecognized arguments: --nonsense 1"),
        (["tests"], "unrecognized arguments: tests"),
    ],
)
def test_wrong_usage_is_found_before_the_installation(
    checkout: Checkout, words: list[str], message: str
) -> None:
    before = checkout.files()
    done, _ = checkout.run(*words)
    assert done.returncode == 2
    assert message in done.stderr
    assert checkout.files() == before


@pytest.mark.parametrize("words", [["--help"], ["--name", "x", "-h"], ["test", "--help"]])
def test_help_says_which_tests_are_which(checkout: Checkout, words: list[str]) -> None:
    before = checkout.files()
    # Without install.sh nothing can be installed.
    done, _ = checkout.run(*words)
    assert done.returncode == 0
    assert "./run.sh test [ARGS]      run the fast tests" in done.stdout
    assert "./run.sh test --all [ARGS]  run every test" in done.stdout
    assert checkout.files() == before


def test_it_prints_its_version_from_anywhere(checkout: Checkout, tmp_path: Path) -> None:
    """CDPATH makes cd print where it went, and go where the user never was."""
    (tmp_path / "elsewhere/checkout").mkdir(parents=True)
    done = subprocess.run(
        ["bash", "checkout/run.sh", "--version"], cwd=tmp_path, capture_output=True, text=True,
        env={"PATH": os.environ["PATH"], "CDPATH": str(tmp_path / "elsewhere")},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, f"whyser {__version__}\n")


@pytest.mark.parametrize(
    ("words", "selection"),
    [
        (["test"], ["-m", "not slow"]),
        (["test", "tests/eval", "-k", "x y"], ["-m", "not slow", "tests/eval", "-k", "x y"]),
        (["test", "--all", "tests/eval"], ["tests/eval"]),
    ],
)
def test_arguments_of_test_go_to_pytest(
    checkout: Checkout, words: list[str], selection: list[str]
) -> None:
    checkout.play()
    python = checkout.folder / ".venv/bin/python"
    python.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    done, _ = checkout.run(*words)
    assert done.stdout.splitlines() == [
        *("-m", "pytest", "-n", "2", "--no-loadscope-reorder", *selection)
    ]


# ---- before the first stage ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--corpora", "savee=nowhere"], "no corpus 'savee'. Expected one of [msp_podcast"),
        (["--corpora", "ravdess=nowhere"], "no folder 'nowhere' for ravdess"),
        (["--train", "gone.yaml"], "no configuration 'gone.yaml'"),
        (["--train", f"{FOLDER}qwen2audio/qlora_sft_reason.yaml"], "Give it with --predict"),
        (["--model", "saves/gone/x"], "--model: no folder 'saves/gone/x'"),
        # The hub cannot be asked here; that it can is tested in test_preflight.py.
        (["--model", "Qwen/Qwen2-Audio-7B-Instuct"], "--model: 'Qwen/Qwen2-Audio-7B-Instuct' is n"),
    ],
)
def test_what_would_fail_is_refused_and_nothing_is_written(
    played: Checkout, words: list[str], message: str
) -> None:
    before = played.files()
    done, calls = played.run(*words)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert (calls, played.files()) == ([], before)


def test_a_dry_run_prints_the_jobs_and_writes_nothing(played: Checkout) -> None:
    before = played.files()
    done, calls = played.run("--dry-run", "--to", "train")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    corpora = ("msp_podcast", "iemocap", "meld", "crema_d", "ravdess")
    assert {*lines} == {
        "== demo: five miniature corpora",
        "== demo: a tiny Qwen2-Audio with random weights",
        "== check: splits and ids of all corpora",
        *(f"== convert: {name}" for name in corpora),
        *(f"== teach: cues of {name}" for name in corpora),
        *(f"== teach: rationales of {name} from measured cues" for name in corpora),
        "== build: whyser_train_reason whyser_test_open whyser_test_closed "
        "whyser_test_open_shuffled",
        f"== train: {FOLDER}tiny/full_sft_reason.yaml",
    }
    assert lines[-1].startswith("== train: ")
    assert (calls, played.files()) == ([], before)


# ---- a run ---------------------------------------------------------------------------------


def test_the_demo_runs_once_and_other_settings_never_cost_its_model(played: Checkout) -> None:
    done, calls = played.run()
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Open results/demo/report.html in a browser." in done.stdout
    assert len(programs(calls, "whyser-convert msp_podcast", "llamafactory-cli train")) == 2
    # All sets on one load.
    assert programs(calls, "generate") == [
        "generate whyser_test_open,whyser_test_closed,whyser_test_open_shuffled"
    ]
    assert calls[-1] == "whyser-eval report results/demo"

    # Nothing to do; a comment and a place for the logs are nothing.
    yaml = played.folder / FOLDER / "tiny/full_sft_reason.yaml"
    yaml.write_text("# mine\n" + yaml.read_text())
    done, calls = played.run("--set", "logging_steps=7")
    assert (done.returncode, calls) == (0, [])
    assert "== nothing changed, so nothing is repeated" in done.stdout

    # Other settings: named, refused, and nothing was started.
    model = played.folder / "saves/demo/model.safetensors"
    done, calls = played.run("--set", "seed=43")
    assert (done.returncode, calls) == (1, [])
    assert "saves/demo: was trained from other inputs:\n  seed: 42 -> 43\n" in done.stderr
    assert model.read_text() == "trained\n"

    # As it was told to.
    model.write_text("the first")
    calls = played.succeeds("--set", "seed=43", "--restart", "train", "--to", "train")
    assert len(programs(calls, "llamafactory-cli train")) == 1
    assert not programs(calls, "whyser-teach", "whyser-convert sharegpt")
    assert (played.folder / "saves/demo.1/model.safetensors").read_text() == "the first"
    assert model.read_text() == "trained\n"


def test_own_rows_are_imported_trained_on_and_scored(played: Checkout) -> None:
    """Without a teacher; changed rows never cost the model that was trained on them."""
    table = played.folder / "my data/dataset_info.json"
    table.parent.mkdir()
    table.write_text('{"mine": {"file_name": "a.json"}, "mine_test": {"file_name": "b.json"}}')
    words = ("--dataset", "mine", "--test", "mine_test", "--dataset-dir", str(table.parent))
    calls = played.succeeds(*words)
    folder, cues = "data/mine/utterances/mine", "data/mine/rationales/mine/cues.jsonl"
    assert programs(calls, "whyser-convert import", "whyser-teach", "generate", "whyser-eval") == [
        "whyser-convert import mine=train mine_test=test --dataset-dir my data "
        f"--control shuffled --output {folder}",
        f"whyser-teach cues {folder}/utterances.jsonl --output {cues}",
        "generate mine_test,mine_test_shuffled",
        *programs(calls, "whyser-eval"),
    ]
    assert not programs(calls, "whyser-convert sharegpt", "whyser-demo corpora")
    assert (played.folder / "results/mine/report.html").is_file()
    settings = (played.folder / "saves/mine/whyser_settings.yaml").read_text()
    assert "dataset: mine\n" in settings and "eval_dataset: null\n" in settings

    assert played.succeeds(*words) == []
    (table.parent / "a.json").write_text("[1]")
    hook = """case "$*" in import*) ;; *) return 0 ;; esac
        [[ $name != whyser-convert ]] || { trap 'write "$output/mine.json" "[2]"' EXIT; }"""
    (played.folder / "hook").write_text(hook)
    done, calls = played.run(*words)
    assert done.returncode == 1
    assert len(programs(calls, "whyser-convert import")) == 1
    assert "was trained from other inputs" in done.stdout + done.stderr
    assert (played.folder / "saves/mine/model.safetensors").read_text() == "trained\n"


@pytest.fixture
def real(played: Checkout, native_corpora: Path) -> tuple[str, ...]:
    """`--corpora` with two copies, up to a training."""
    pairs = []
    for name in ("meld", "ravdess"):
        shutil.copytree(native_corpora / name, played.folder / "native" / name)
        pairs.append(f"{name}={played.folder / 'native' / name}")
    return "--corpora", *pairs


@pytest.mark.slow
def test_a_touched_wav_and_a_readme_keep_the_model_and_another_run_uses_its_work(
    played: Checkout, real: tuple[str, ...]
) -> None:
    calls = played.succeeds(*real, "--to", "train", "--name", "row11")
    assert len(programs(calls, "llamafactory-cli train")) == 1
    assert [line.split()[1] for line in programs(calls, "whyser-teach measured")]
    model = played.folder / "saves/row11/model.safetensors"
    model.write_text("the first")

    corpus = played.folder / "native/ravdess"
    os.utime(next(corpus.rglob("*.wav")))
    (corpus / "README").write_text("copied on Monday")
    calls = played.succeeds(*real, "--to", "train", "--name", "row11")
    # That corpus is read again; its rows are the same, so nothing is trained.
    (converted,) = programs(calls, "whyser-convert ravdess", "whyser-convert meld")
    assert converted.startswith("whyser-convert ravdess ")
    assert not programs(calls, "llamafactory-cli")
    assert model.read_text() == "the first"

    label = f"{FOLDER}tiny/full_sft_label.yaml"
    words = ("--data", "row11", "--train", label, "--name", "row10", "--to", "train")
    calls = played.succeeds(*words, "--set", "max_samples=9")
    assert not programs(calls, "whyser-teach", "whyser-convert ravdess", "whyser-convert meld")
    (rows,) = [line for line in programs(calls, "whyser-convert sharegpt") if "_train_" in line]
    assert "data/row11/utterances/meld/utterances.jsonl" in rows
    assert "--rationales data/row11/rationales/ravdess/rationales.jsonl" in rows
    assert rows.partition("--output ")[2].split()[0] == "data/row10/sharegpt/whyser_train_label"
    assert len(programs(calls, "llamafactory-cli train")) == 1


@pytest.mark.slow
def test_another_corpus_has_nothing_measured_again(played: Checkout, real: tuple[str, ...]) -> None:
    played.succeeds(*real[:2], "--to", "teach")
    calls = played.succeeds(*real, "--to", "teach")
    (measured,) = programs(calls, "whyser-teach cues")
    assert "/ravdess/" in measured


@pytest.mark.slow
def test_a_corpus_that_changes_while_it_is_converted_is_converted_again(
    played: Checkout, real: tuple[str, ...]
) -> None:
    hook = played.folder / "hook"
    hook.write_text('[[ "$name $1" != "whyser-convert ravdess" ]] || echo late >"$2/new"\n')
    calls = played.succeeds(*real, "--to", "convert")
    assert len(programs(calls, "whyser-convert")) == 2
    hook.unlink()
    calls = played.succeeds(*real, "--to", "convert")
    (again,) = programs(calls, "whyser-convert")
    assert again.startswith("whyser-convert ravdess ")


@pytest.mark.slow
def test_a_corpus_that_fails_leaves_the_others_done(
    played: Checkout, real: tuple[str, ...]
) -> None:
    hook = played.folder / "hook"
    hook.write_text('[[ "$name $1 $2" != "whyser-teach cues "*/meld/* ]] || exit 1\n')
    done, calls = played.run(*real, "--to", "teach")
    assert done.returncode == 1
    assert "== teach: cues of meld failed" in done.stdout
    assert "a stage failed; see above. The same command continues from there." in done.stderr
    assert (played.folder / "data/real/rationales/ravdess/rationales.jsonl").exists()
    hook.unlink()
    calls = played.succeeds(*real, "--to", "teach")
    assert [line.split()[:3] for line in calls] == [
        ["whyser-teach", verb, "data/real/utterances/meld/utterances.jsonl"]
        for verb in ("cues", "measured")
    ]


@pytest.mark.slow
def test_a_changed_prompt_file_is_taught_again(
    played: Checkout, real: tuple[str, ...], endpoint: str
) -> None:
    prompt = played.folder / "mine.txt"
    prompt.write_text("Why $EMOTION?")
    words = (*real, "--teacher", endpoint, "--teacher-model", "m", "--to", "teach")
    environment = {"TEACHER_OPTIONS": f"--prompt {prompt}", "no_proxy": "*"}
    calls = played.succeeds(*words, **environment)
    assert len(programs(calls, "whyser-teach listening")) == 1
    os.utime(prompt, (1, 1))
    assert played.succeeds(*words, **environment) == []
    prompt.write_text("How $EMOTION?")
    (line,) = played.succeeds(*words, **environment)
    assert line.startswith("whyser-teach listening ")
    assert line.endswith(f"--enough 15000 --prompt {prompt}")


@pytest.fixture
def endpoint() -> object:
    """The address of a teacher that answers."""
    import threading
    from http.server import BaseHTTPRequestHandler, HTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}).start()
    yield f"http://127.0.0.1:{server.server_port}/v1"
    server.shutdown()
    server.server_close()
