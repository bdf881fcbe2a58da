#!/usr/bin/env bash
# Installs Whyser and the packages of the given extras into .venv. If nothing has changed since the
# last call, it does nothing. A .venv that does not work is replaced.
#
#   ./install.sh [EXTRAS]      [default: train,acoustics,baselines,demo,workflow]
#
# Environment:
#   PYTHON        interpreter to use, 3.11 to 3.13 [default: the first one found]
#   CONSTRAINTS   pinned set, constraints.txt or constraints-2026.txt [default: constraints.txt]
set -euo pipefail
unset CDPATH
cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")"

readonly GIGABYTES=9 # .venv with all extras, and the temporary files of pip
readonly SUPPORTED='import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

fail() {
    printf 'error: %s\n' "$1" >&2
    exit 1
}

extras=${1:-train,acoustics,baselines,demo,workflow}
constraints=${CONSTRAINTS:-constraints.txt}
[[ $constraints =~ ^constraints(-[0-9]+)?\.txt$ && -f $constraints ]] ||
    fail "CONSTRAINTS is '$constraints', expected one of: $(echo constraints*.txt)"
# Each pinned set has its own extra for training: train, train-2026.
extras=${extras/train/train${BASH_REMATCH[1]:-}}

# ---- is there anything to do? ---------------------------------------------------------------

version_of() { "$1" -c 'import sys; print(*sys.version_info[:2], sep=".")' 2>/dev/null; }

# A console script contains the full path of the interpreter. In a folder that was moved or copied it
# would start nothing, or the code of another checkout.
works() {
    [[ ! -e .venv/.installing && -x .venv/bin/python ]] && .venv/bin/python -c "$SUPPORTED" 2>/dev/null &&
        { [[ ! -e .venv/bin/whyser-eval ]] || grep -qF "$PWD/.venv/bin/" .venv/bin/whyser-eval; } &&
        { [[ -z ${PYTHON:-} ]] || [[ $(version_of "$PYTHON") == "$(version_of .venv/bin/python)" ]]; }
}

has_pip() { command -v uv >/dev/null || .venv/bin/python -m pip --version >/dev/null 2>&1; }

wanted() { { echo "$constraints" && cat pyproject.toml "$constraints"; } | sha256sum; }

installed() {
    local stamp one
    [[ -f .venv/.installed ]] && stamp=$(<.venv/.installed) && [[ ${stamp%%$'\n'*} == "$(wanted)" ]] || return 1
    for one in ${extras//,/ }; do [[ ,${stamp##*$'\n'}, == *",$one,"* ]] || return 1; done
}

if works && installed; then exit; fi

# ---- the interpreter and .venv ---------------------------------------------------------------

find_python() {
    local one found=() candidates=(python3 python3.13 python3.12 python3.11)
    [[ -z ${PYTHON:-} ]] || candidates=("$PYTHON")
    for one in "${candidates[@]}"; do
        if "$one" -c "$SUPPORTED" 2>/dev/null; then
            python=$one
            return
        fi
        found+=("$one is $("$one" --version 2>&1 | head -1 || true).")
    done
    fail "Whyser needs Python 3.11, 3.12 or 3.13. ${found[*]}
Install one of them. If it is not on the PATH, set PYTHON: PYTHON=/path/to/python3.11 ./run.sh"
}

new_environment() {
    local free said
    find_python
    [[ ! -e .venv ]] || echo "== .venv does not work here (it was moved or half installed, or has another Python); replacing it"
    rm -rf .venv
    free=$(($(df -Pk . | awk 'NR == 2 {print $4}') / 1024 / 1024))
    ((free >= GIGABYTES)) || fail "The installation needs $GIGABYTES GB, but the disk of $PWD has $free GB left.
Free some space or move this folder to a larger disk, then run the same command again."
    if command -v uv >/dev/null; then
        uv venv --quiet --python "$(command -v "$python")" .venv
    elif ! said=$("$python" -m venv .venv 2>&1); then
        rm -rf .venv
        fail "$python cannot create a virtual environment with pip: ${said##*$'\n'}
If its module venv or ensurepip is missing, install it ('apt-get install python3-venv' on Debian and Ubuntu), or
install uv, which needs neither; then run the same command again."
    fi
}

[[ -w . ]] || fail "You cannot write to $PWD, where .venv must be created. Clone Whyser into a folder of your own."

# Only one installation runs at a time. The next one then sees that it has nothing to do.
exec 9>>.install.lock
flock 9 || true
if works && installed; then exit; fi

works || new_environment
if ! has_pip && ! .venv/bin/python -m ensurepip >/dev/null 2>&1; then new_environment; fi

# ---- the packages ----------------------------------------------------------------------------

# On a terminal, shows the installer's last line, so that the user sees progress.
show_progress() {
    local line
    if [[ ! -t 1 ]]; then cat >/dev/null; return; fi
    while IFS= read -r line; do printf '\r\033[K%.78s' "$line"; done
    printf '\r\033[K'
}

explain() {
    local log=$1
    tail -n 12 "$log" >&2
    if grep -qiE 'No space left|Disk quota' "$log"; then
        fail "A disk is full: that of $PWD, of the download cache, or of the temporary folder (${TMPDIR:-/tmp}).
Free some space, or set TMPDIR and PIP_CACHE_DIR to folders on a larger disk; then run the same command again."
    elif grep -qE 'ConnectionError|NameResolution|ConnectTimeout|ReadTimeout|ProxyError|SSLError|connection broken|Failed to fetch|error sending request' "$log"; then
        # It failed during the download, so the packages of before still work.
        rm -f .venv/.installing
        fail "The package index cannot be reached, so nothing was installed.
Check the network and the proxy settings (https_proxy), then run the same command again."
    fi
    fail "The installation failed; the lines above say why, and $log has the whole output.
Fix the cause, then run the same command again: it reuses what was downloaded."
}

if command -v uv >/dev/null; then
    pip=(uv pip install --python .venv/bin/python)
else
    pip=(.venv/bin/python -m pip install --disable-pip-version-check --progress-bar off --no-compile)
fi
echo "== install [$extras] into .venv, with the versions of $constraints: takes some minutes and about $((GIGABYTES - 1)) GB"
touch .venv/.installing
"${pip[@]}" -c "$constraints" -e ".[$extras]" 2>&1 | tee .venv/install.log | show_progress || explain .venv/install.log
# The newer torchaudio decodes audio with torchcodec, which loads FFmpeg's libraries from the system.
if [[ $extras == *train-* ]] && ! .venv/bin/python -c 'import torchcodec' >>.venv/install.log 2>&1; then
    rm .venv/.installing
    fail "torchcodec, which decodes audio under $constraints, does not find FFmpeg's libraries.
Install FFmpeg ('apt-get install ffmpeg', or 'conda install ffmpeg'), then run the same command again."
fi
# Compile now, so that the first starts are not slow; pip would use only one core.
.venv/bin/python -m compileall -q -j 0 .venv/lib >/dev/null 2>&1 || true
{ wanted && echo "$extras"; } >.venv/.installed
rm .venv/.installing
