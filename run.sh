#!/usr/bin/env bash
# The reference run: from corpora in their native layout to a signed score and a report.
#
#   ./run.sh          the embedded demo: five miniature corpora, a tiny model
#   ./run.sh test     the fast tests; with --all every test
#   ./run.sh --help   every option
#
# workflow/ holds the stages; this script installs, and calls them.
set -euo pipefail

WHYSER_CALLED_FROM=$PWD
export WHYSER_CALLED_FROM
unset CDPATH
cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")"
python=${PYTHON:-python3}

case ${1:-} in
--version) exec sed -nE 's/^__version__ = "(.*)"/whyser \1/p' src/whyser/__init__.py ;;
test)
    shift
    [[ ${1:-} == -h || ${1:-} == --help ]] && exec "$python" workflow/whyser_workflow/options.py --help
    # Two at a time, for most of the slow ones wait for programs to start.
    # tests/conftest.py says in which order, and what stays together.
    selection=(-n 2 --no-loadscope-reorder)
    if [[ ${1:-} == --all ]]; then shift; else selection+=(-m "not slow"); fi
    ./install.sh train,acoustics,baselines,demo,workflow,dev
    exec .venv/bin/python -m pytest "${selection[@]}" "$@"
    ;;
esac

case " $* " in
*" -h "* | *" --help "*) exec "$python" workflow/whyser_workflow/options.py --help ;;
esac

# Wrong usage is found before anything is installed; an old or missing Python is install.sh's matter.
! command -v "$python" >/dev/null || "$python" workflow/whyser_workflow/options.py "$@" || exit
./install.sh train,acoustics,baselines,demo,workflow

# vLLM has an environment of its own (docs/serving.md), which comes last on the path.
export PATH="$PWD/.venv/bin:$PATH:$PWD/.venv-vllm/bin"
export TOKENIZERS_PARALLELISM=false
# Threads that wait by spinning make a small model thirty times slower where another program runs too.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE}
# LLaMA-Factory prints every configuration file that it reads, and torchaudio warns for every clip.
export LLAMAFACTORY_VERBOSITY=${LLAMAFACTORY_VERBOSITY:-WARN}
export PYTHONWARNINGS=${PYTHONWARNINGS:-ignore::UserWarning:torchaudio._backend.utils}
exec .venv/bin/python -m whyser_workflow "$@"
