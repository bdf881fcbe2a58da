#!/usr/bin/env bash
# The reference run: from corpora in their native layout to a signed score and a report.
#
#   ./run.sh                                   the embedded demo: five miniature corpora, a tiny model
#   ./run.sh test                              the fast tests; with --all every test
#   ./run.sh --corpora crema_d=DIR ravdess=DIR [--name RUN] [--train YAML] [--model PATH]
#
# A finished stage is repeated only if its inputs changed. A run writes into data/RUN, saves/RUN and
# results/RUN.
# shellcheck disable=SC2317,SC2329  # main calls the stages by name
set -euo pipefail

readonly STAGES=(demo convert check teach build train predict baselines score report)
readonly CORPORA=(msp_podcast iemocap meld crema_d ravdess)

usage() {
    cat <<EOF
Usage: ./run.sh [OPTIONS]        run the stages: ${STAGES[*]}
       ./run.sh test [ARGS]      run the fast tests: every unit, and one short run from corpora to a
                                 signed score; takes 3 to 8 minutes. ARGS are passed to pytest
       ./run.sh test --all [ARGS]  run every test, including those that start LLaMA-Factory, servers
                                 and benchmarks; takes about half an hour
       ./run.sh --version        print the version
A run and the tests first install what they need into .venv.

Options:
  --corpora NAME=DIR ...  run on these real corpora, any of: ${CORPORA[*]}
                          [default: the embedded demo]
  --name RUN              name the run [default: demo; with --corpora: real]
  --train YAML            train with this configuration; if several are given, each continues from the
                          checkpoint of the one before
                          [default: llamafactory_configs/tiny/full_sft_reason.yaml]
  --set KEY=VALUE ...     override these settings of every training configuration
  --small                 change configurations that are meant for hours on a GPU so that a tiny model
                          trains in minutes and predicts on a CPU
  --predict YAML          predict with this configuration, which asks the open-form question; the
                          closed form and the controls override its eval_dataset and output_dir
                          [default: the last training configuration, with '_sft_*' or '_dpo' in its
                          name replaced by '_predict']
  --model PATH            start from this checkpoint [default: the demo's tiny Qwen2-Audio]
  --from STAGE            repeat this stage and all after it
  --to STAGE              stop after this stage
  -h, --help              print this text

Environment:
  PYTHON                  interpreter for .venv, 3.11 to 3.13 [default: the first one found]
  CONSTRAINTS             pinned set to install: constraints.txt or constraints-2026.txt
                          [default: constraints.txt]
  TEACHER_URL             OpenAI-compatible endpoint of the teacher, which listens to the training
                          utterances and writes their rationales; it ends in /v1
  TEACHER_MODEL           model name at that endpoint
  TEACHER_KEY_VARIABLE    environment variable that holds the key [default: OPENAI_API_KEY]
  TEACHER_OPTIONS         more options for 'whyser-teach listening', such as --concurrency 64
  Without TEACHER_URL, Qwen/Qwen2.5-Omni-7B (or TEACHER_MODEL) under vLLM writes the rationales of
  real corpora if vLLM and a GPU are found. Otherwise they are written from measured cues, and the
  run prints that.

Example, the paper's row 11 on a GPU:
  ./run.sh --corpora msp_podcast=/corpora/MSP-PODCAST-Publish-1.12 crema_d=/corpora/CREMA-D \\
      --train llamafactory_configs/qwen2audio/lora_sft_reason.yaml \\
      --model Qwen/Qwen2-Audio-7B-Instruct --name row11
EOF
}

wrong_usage() {
    echo "error: $1" >&2
    echo "See ./run.sh --help" >&2
    exit 2
}

# ---- arguments ------------------------------------------------------------------------------

here=$PWD
unset CDPATH
cd -P -- "$(dirname -- "${BASH_SOURCE[0]}")"
absolute() { [[ $1 == /* ]] && echo "$1" || echo "$here/$1"; }
# A configuration is looked up in the user's folder, then in this script's.
config() { if [[ -f "$(absolute "$1")" ]]; then absolute "$1"; else echo "$1"; fi; }
contains() { local wanted=$1 one; shift; for one; do [[ $one == "$wanted" ]] && return; done; return 1; }

declare -A source_of=()
run="" trains=() changes=() predict_changes=() predict="" model="" from="" to="report"
# Rows and epochs for a model of a million weights, with large steps and without early stopping, since
# the run is short.
readonly SMALL=(
    use_cpu=true bf16=false preprocessing_num_workers=2 dataloader_num_workers=0 plot_loss=false
    max_samples=700 num_train_epochs=4 per_device_train_batch_size=16 gradient_accumulation_steps=1
    learning_rate=2e-3 lora_rank=16 lora_alpha=32 logging_steps=10 'save_strategy="no"'
    'eval_strategy="no"' load_best_model_at_end=false early_stopping_steps=null
)
readonly SMALL_PREDICT=(
    use_cpu=true bf16=false preprocessing_num_workers=2 dataloader_num_workers=0
    per_device_eval_batch_size=50
)
command="run"
if [[ ${1:-} == test ]]; then
    command="test"
    shift
    [[ ${1:-} == -h || ${1:-} == --help ]] && { usage; exit 0; }
    set -- -- "$@"
fi
while (($#)); do
    option=$1
    [[ $option == -- ]] && { shift; break; }
    [[ $option == -h || $option == --help ]] && { usage; exit 0; }
    [[ $option == --version ]] && { sed -nE 's/^__version__ = "(.*)"/whyser \1/p' src/whyser/__init__.py; exit 0; }
    if [[ $option == --small ]]; then
        # Settings of --set come later, so they take precedence.
        changes=("${SMALL[@]}" "${changes[@]}") predict_changes=("${SMALL_PREDICT[@]}")
        shift
        continue
    fi
    if (($# < 2)); then wrong_usage "$option needs a value (or is no option)"; fi
    value=$2
    shift 2
    case $option in
    --corpora)
        set -- "$value" "$@"
        while (($#)) && [[ $1 == *=* ]]; do
            contains "${1%%=*}" "${CORPORA[@]}" || wrong_usage "no corpus '${1%%=*}', expected one of: ${CORPORA[*]}"
            source_of[${1%%=*}]=$(absolute "${1#*=}")
            [[ -n ${1#*=} && -d ${source_of[${1%%=*}]} ]] || wrong_usage "no folder '${1#*=}' for ${1%%=*}"
            shift
        done
        ((${#source_of[@]})) || wrong_usage "--corpora takes NAME=DIR, got '$value'" ;;
    --name) run=$value ;;
    --train) trains+=("$(config "$value")") ;;
    --set)
        set -- "$value" "$@"
        while (($#)) && [[ $1 == *=* && $1 != -* ]]; do changes+=("$1"); shift; done
        ((${#changes[@]})) || wrong_usage "--set takes KEY=VALUE, got '$value'" ;;
    --predict) predict=$(config "$value") ;;
    --model) if [[ -d $(absolute "$value") ]]; then model=$(absolute "$value"); else model=$value; fi ;;
    --from | --to)
        contains "$value" "${STAGES[@]}" || wrong_usage "no stage '$value', expected one of: ${STAGES[*]}"
        [[ $option == --from ]] && from=$value || to=$value ;;
    *) wrong_usage "no option '$option'" ;;
    esac
done

position_of() {
    local position
    for position in "${!STAGES[@]}"; do [[ ${STAGES[position]} == "$1" ]] && echo "$position"; done
}
if [[ -n $from ]] && (($(position_of "$from") > $(position_of "$to"))); then
    wrong_usage "--from $from comes after --to $to"
fi

is_demo=$((${#source_of[@]} == 0))
if ((is_demo)); then run=${run:-demo}; else run=${run:-real}; fi
# LLaMA-Factory's distributed launcher breaks on spaces, so names and paths under it have none.
[[ $run =~ ^[A-Za-z0-9][A-Za-z0-9._-]*$ ]] ||
    wrong_usage "--name '$run': use letters, digits, '.', '_' and '-', a letter or digit first"
((${#trains[@]})) || trains=(llamafactory_configs/tiny/full_sft_reason.yaml)
for train in "${trains[@]}"; do [[ -f $train ]] || wrong_usage "no training configuration '$train'"; done
if [[ -z $predict ]]; then
    predict="$(dirname "${trains[-1]}")/$(basename "${trains[-1]}" | sed -E 's/_(sft|dpo)[_.].*/_predict.yaml/')"
fi
[[ $command == test || (-f $predict && $predict != "${trains[-1]}") ]] ||
    wrong_usage "no prediction configuration '$predict'; give --predict"

# ---- installation ---------------------------------------------------------------------------

readonly EXTRAS=train,acoustics,baselines,demo
if [[ $command == test ]]; then
    # Run two at a time, because most of the slow tests wait for programs to start.
    # tests/conftest.py sets their order, and which of them share a worker.
    selection=(-n 2 --no-loadscope-reorder)
    if [[ ${1:-} == --all ]]; then shift; else selection+=(-m "not slow"); fi
    ./install.sh "$EXTRAS,dev"
    exec .venv/bin/python -m pytest "${selection[@]}" "$@"
fi
./install.sh "$EXTRAS"
# vLLM has a separate environment (docs/serving.md), which comes last on the path.
export PATH="$PWD/.venv/bin:$PATH:$PWD/.venv-vllm/bin"
export TOKENIZERS_PARALLELISM=false
# Threads that spin while they wait make a small model thirty times slower if another program runs.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE}
# LLaMA-Factory prints every configuration file that it reads, and torchaudio warns for every clip.
export LLAMAFACTORY_VERBOSITY=${LLAMAFACTORY_VERBOSITY:-WARN}
export PYTHONWARNINGS=${PYTHONWARNINGS:-ignore::UserWarning:torchaudio._backend.utils}

# ---- stages ---------------------------------------------------------------------------------

data="data/$run" saves="saves/$run" results="results/$run"
rows="$data/sharegpt"
if ((is_demo)); then for corpus in "${CORPORA[@]}"; do source_of[$corpus]="$data/corpora/$corpus"; done; fi
corpora=()
for corpus in "${CORPORA[@]}"; do [[ -n ${source_of[$corpus]:-} ]] && corpora+=("$corpus"); done
tiny_model="$data/model"
start_model=${model:-$tiny_model}
# If the checkpoint is a folder, no model hub is needed.
[[ -z $model || -d $model ]] && export HF_HUB_OFFLINE=1

utterances() { local corpus; for corpus; do echo "$data/utterances/$corpus/utterances.jsonl"; done; }
mapfile -t all_utterances < <(utterances "${corpora[@]}")

# The rationales of the training split come from an audio model, at a given endpoint or at one that
# this script serves, or from measured cues.
read -ra teacher_options <<<"${TEACHER_OPTIONS:-}"
teacher_url=${TEACHER_URL:-} teacher_model=${TEACHER_MODEL:-} teacher=measured
has_gpu() { command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q GPU; }
if [[ -n $teacher_url ]]; then
    [[ -n $teacher_model ]] || wrong_usage "TEACHER_URL needs TEACHER_MODEL, the model name at that endpoint"
    teacher=endpoint
elif ((!is_demo)) && command -v vllm >/dev/null && has_gpu; then
    teacher=served
    teacher_model=${teacher_model:-Qwen/Qwen2.5-Omni-7B}
fi
rationales=() cues=()
for corpus in "${corpora[@]}"; do
    # Rationales of the audio teacher come first, because the first one that is kept is used.
    [[ $teacher == measured ]] || rationales+=("$data/rationales/$corpus/listening.jsonl")
    rationales+=("$data/rationales/$corpus/rationales.jsonl")
    cues+=("$data/rationales/$corpus/cues.jsonl")
done

# The paper tests only on MSP-Podcast's Test1, and trains on all data of the corpora without official
# splits. Without MSP-Podcast these are split by speaker, and their test splits are used.
if contains msp_podcast "${corpora[@]}"; then
    test_split=test1
    unofficial_splits=(--split-scheme train)
    mapfile -t references < <(utterances msp_podcast)
else
    test_split='test'
    unofficial_splits=()
    references=("${all_utterances[@]}")
fi

# The datasets that a configuration reads, by the names under which the build stage writes them.
read_by() { sed -nE 's/^(eval_)?dataset: *//p' "$1" | tr ',' '\n' | tr -d ' ' | sed '/^$/d'; }
mapfile -t train_sets < <(for train in "${trains[@]}"; do read_by "$train"; done | awk '!seen[$0]++')
mapfile -t predict_sets < <(read_by "$predict")
test_open=${predict_sets[0]:-}
test_sets=("$test_open" "${test_open/_open/_closed}" "${test_open}_shuffled")
for name in "${train_sets[@]}" "${test_sets[@]}"; do
    [[ $name =~ ^whyser_(train|dev|task)_[a-z_]+$ || $name =~ ^whyser_test_(open|closed)(_cot)?(_shuffled)?$ ]] ||
        wrong_usage "a configuration reads dataset '$name', which no stage writes; see docs/targets.md"
done

# The folder of a configuration is its model's family.
family_of() { basename "$(dirname "$1")"; }

# Training on the labels of single annotators needs a rationale for each label.
explained=majority
contains whyser_train_sampled "${train_sets[@]}" && explained=annotators

# The paper trains only on the open-form question. A pretrained model understands the closed form
# without training. The demo's model knows only its training data, so it is trained on both.
prompt=open
if ((is_demo)) || [[ $(family_of "${trains[-1]}") == tiny ]]; then prompt=mix; fi

inputs_demo() { echo src/whyser/demo; }
outputs_demo() {
    if ((is_demo)); then echo "$data/corpora"; fi
    if [[ -z $model ]]; then echo "$tiny_model"; fi
}
stage_demo() {
    if ((is_demo)); then whyser-demo corpora "$data/corpora"; fi
    if [[ -z $model ]]; then whyser-demo model "$tiny_model"; fi
}

# The code that all stages use. If it changes, they are repeated.
ground=(src/whyser/{io,labels,prompting,records})

inputs_convert() { printf '%s\n' "splits=${unofficial_splits[*]}" converters "${ground[@]}" "${source_of[@]}"; }
outputs_convert() { echo "$data/utterances"; }
stage_convert() {
    local corpus scheme
    for corpus in "${corpora[@]}"; do
        scheme=("${unofficial_splits[@]}")
        # These two have official splits, which are always kept.
        [[ $corpus == msp_podcast || $corpus == meld ]] && scheme=()
        whyser-convert "$corpus" "${source_of[$corpus]}" "$data/utterances" "${scheme[@]}"
    done
}

# Before training: no speaker appears in two splits, and no id is a duplicate.
inputs_check() { printf '%s\n' "${all_utterances[@]}" converters "${ground[@]}"; }
outputs_check() { :; }
stage_check() { whyser-convert check "${all_utterances[@]}"; }

inputs_teach() { printf '%s\n' "labels=$explained" "$teacher $teacher_url $teacher_model ${teacher_options[*]}" "${all_utterances[@]}" "${source_of[@]}" "${ground[@]}" src/whyser/{evidence,teacher}; }
outputs_teach() { echo "$data/rationales"; }
stage_teach() {
    local corpus folder splits=()
    case $teacher in
    measured) echo "TEACHER_URL is not set, so rationales are written from measured cues." ;;
    # The dev split needs rationales too, for its evaluation loss, but a teacher that sees the labels
    # may be used only for training data. In the demo, whose voices no model knows, measured cues also
    # give the rationales that the teacher fails to write.
    *) ((is_demo)) || splits=(--split dev) ;;
    esac
    for corpus in "${corpora[@]}"; do
        folder="$data/rationales/$corpus"
        whyser-teach cues "$data/utterances/$corpus/utterances.jsonl" --output "$folder/cues.jsonl"
        whyser-teach measured "$data/utterances/$corpus/utterances.jsonl" "${splits[@]}" \
            --cues "$folder/cues.jsonl" --labels "$explained" --output "$folder/rationales.jsonl"
    done
    case $teacher in
    endpoint) listen "$teacher_url" ;;
    served) with_server listen ;;
    esac
}

listen() {
    local corpus folder
    for corpus in "${corpora[@]}"; do
        folder="$data/rationales/$corpus"
        whyser-teach listening "$data/utterances/$corpus/utterances.jsonl" \
            --cues "$folder/cues.jsonl" --labels "$explained" \
            --output "$folder/listening.jsonl" \
            --endpoint "$1" --model "$teacher_model" \
            --api-key-env "${TEACHER_KEY_VARIABLE:-OPENAI_API_KEY}" "${teacher_options[@]}"
    done
}

# Serves the teacher on this machine, calls a function with its address, and stops the server even if
# that fails.
with_server() {
    local port=${TEACHER_PORT:-8765} log="$data/rationales/vllm.log" server
    mkdir -p "$data/rationales"
    echo "Serving $teacher_model with vLLM; the log is $log"
    # This run has its own key, because the machine may have other users.
    OPENAI_API_KEY=$(python -c 'import secrets; print(secrets.token_hex(16))')
    export OPENAI_API_KEY
    VLLM_API_KEY=$OPENAI_API_KEY vllm serve "$teacher_model" --host 127.0.0.1 --port "$port" \
        --max-model-len 4096 --limit-mm-per-prompt '{"audio":1}' >"$log" 2>&1 &
    server=$!
    # shellcheck disable=SC2064  # the process id must be expanded now
    trap "kill $server 2>/dev/null || true" EXIT
    until python -c "import urllib.request as r; r.urlopen('http://127.0.0.1:$port/health', timeout=2)" 2>/dev/null; do
        kill -0 "$server" 2>/dev/null || { echo "error: vLLM ended before it was ready; see $log" >&2; exit 1; }
        sleep 5
    done
    "$1" "http://127.0.0.1:$port/v1"
    kill "$server"
    wait "$server" || true
    trap - EXIT
}

inputs_build() {
    printf '%s\n' "prompt=$prompt" "sets=${train_sets[*]} ${test_sets[*]}" "${all_utterances[@]}" \
        "${rationales[@]}" "${cues[@]}" converters "${ground[@]}" src/whyser/evidence
    declare -f build_training build_test
}
outputs_build() { echo "$rows"; }
stage_build() {
    local name
    for name in "${train_sets[@]}"; do build_training "$name"; done
    for name in "${test_sets[@]}"; do build_test "$name"; done
    whyser-convert check "$rows/dataset_info.json"
}

# whyser_train_reason, whyser_dev_label, whyser_task_asr...: a split, or a task of the training
# split with its own question, and the target.
build_training() {
    local name=$1 what=${1#whyser_*_} split=train verb=sharegpt asked=$prompt how=() file
    case $name in
    # Early stopping uses the loss on a subset.
    whyser_dev_*) split=dev how=(--max-samples 1000) ;;
    whyser_task_*) asked=task ;;
    esac
    case $what in
    preference) verb=preference ;;
    sampled) how+=(--prompt "$asked" --target reason --labels sampled --epochs 2) ;;
    *) how+=(--prompt "$asked" --target "$what") ;;
    esac
    [[ $name == whyser_task_@(label|descriptors) ]] && how+=(--no-asr)
    # Every target uses only the utterances with a rationale, so that rows 10 and 11, and all tasks of
    # a mixture, have the same utterances in the same order.
    for file in "${rationales[@]}"; do how+=(--rationales "$file"); done
    for file in "${cues[@]}"; do how+=(--cues "$file"); done
    whyser-convert "$verb" "${all_utterances[@]}" --split "$split" "${how[@]}" --output "$rows/$name"
}

# whyser_test_open, whyser_test_closed_cot, whyser_test_open_shuffled...
build_test() {
    local name=$1 how=(--prompt open)
    [[ $name == *_closed* ]] && how=(--prompt closed)
    [[ $name == *_cot* ]] && how+=(--cot)
    # In the shuffled control each item gets another utterance's audio; scores should drop to chance.
    [[ $name == *_shuffled ]] && how+=(--control shuffled)
    whyser-convert sharegpt "${references[@]}" --split "$test_split" --target label "${how[@]}" \
        --output "$rows/$name"
}

# Trainers continue from the last checkpoint in their folder, which must come from the same inputs.
begin() {
    local stage=$1 folder=$2 begun
    begun=$("inputs_$stage" | fingerprint)
    if [[ $from == "$stage" || ! -f $folder/.begun || $(<"$folder/.begun") != "$begun" ]]; then
        rm -rf "$folder"
        mkdir -p "$folder"
        echo "$begun" >"$folder/.begun"
    fi
}

# If there are several configurations, each has its own output folder.
declare -A saved=()
for train in "${trains[@]}"; do
    saved[$train]=$saves
    ((${#trains[@]} == 1)) || saved[$train]=$saves/$(family_of "$train")_$(basename "$train" .yaml)
done
is_lora() { grep -q '^finetuning_type: *lora' "$1"; }

setting_of() { sed -nE "s/^$2: *//p" "$1"; }

# checkpoint_after N: prints, as settings, the checkpoint after the first N configurations: a folder of
# full weights, and the adapters on top of it.
checkpoint_after() {
    local done_before=$1 train base=$start_model adapters=()
    for train in "${trains[@]:0:done_before}"; do
        if ! is_lora "$train"; then
            base=${saved[$train]} adapters=()
            continue
        fi
        # The first configuration continues from the adapter that it names, if any. A new adapter is
        # put on top of the last one; otherwise the last one is trained further and replaced.
        ((${#adapters[@]})) || mapfile -t adapters < <(setting_of "$train" adapter_name_or_path)
        if ((${#adapters[@]})) && [[ $(setting_of "$train" create_new_adapter) != true ]]; then
            unset 'adapters[-1]'
        fi
        adapters+=("${saved[$train]}")
    done
    echo "model_name_or_path=$base"
    ((!${#adapters[@]})) || (IFS=,; echo "adapter_name_or_path=${adapters[*]}")
}

inputs_train() {
    printf '%s\n' "${trains[@]}" "set=${changes[*]}" "$start_model" "${source_of[@]}"
    printf "$rows/%s.json\n" "${train_sets[@]}"
}
outputs_train() { echo "$saves"; }
stage_train() {
    local number train folder settings
    begin train "$saves"
    for number in "${!trains[@]}"; do
        train=${trains[number]} folder=${saved[${trains[number]}]}
        mapfile -t settings < <(checkpoint_after "$number")
        settings+=(dataset_dir="$rows" output_dir="$folder" "${changes[@]}")
        # A finished training is not repeated because the next one was stopped.
        [[ ! -f $folder/.trained ]] || continue
        whyser-convert check "$train" "${settings[@]}"
        llamafactory-cli train "$train" "${settings[@]}"
        touch "$folder/.trained"
    done
}

inputs_predict() {
    local name
    printf '%s\n' "$predict" "set=${predict_changes[*]}" "$saves" "${source_of[@]}"
    for name in "${test_sets[@]}"; do echo "$rows/$name.json"; done
}
outputs_predict() { echo "$results/generated"; }
stage_predict() {
    local name checkpoint
    # The adapter that the configuration names is not from this run.
    mapfile -t checkpoint < <(echo "adapter_name_or_path=null"; checkpoint_after "${#trains[@]}")
    for name in "${test_sets[@]}"; do
        llamafactory-cli train "$predict" dataset_dir="$rows" eval_dataset="$name" \
            output_dir="$results/generated/$name" "${checkpoint[@]}" "${predict_changes[@]}"
    done
}

# Baselines without a language model on the same split, which a system should beat.
trains_encoder() { ((is_demo)) && [[ $run == demo ]]; }
inputs_baselines() {
    printf '%s\n' "${all_utterances[@]}" "${cues[@]}" "${source_of[@]}" src/whyser/{baselines,evidence} "${ground[@]}"
    if ((is_demo)); then echo src/whyser/demo; fi
}
outputs_baselines() {
    echo "$results/baselines"
    if trains_encoder; then echo "$data/encoder"; fi
}
stage_baselines() {
    local name measured=()
    begin baselines "$results/baselines"
    for name in "${cues[@]}"; do measured+=(--cues "$name"); done
    whyser-baseline cues "${all_utterances[@]}" "${measured[@]}" --split "$test_split" \
        --output "$results/baselines/cues"
    # Real corpora need a real encoder, which takes hours to train: see docs/baselines.md. Other runs on
    # the embedded corpora would only repeat the row of the first.
    trains_encoder || return 0
    whyser-demo encoder "$data/encoder"
    # Such a small model is no faster with more threads, and its weights depend on their number.
    OMP_NUM_THREADS=1 whyser-baseline ssl "${all_utterances[@]}" --split "$test_split" \
        --encoder "$data/encoder" --name wavlm-tiny --output "$results/baselines/ssl" --tune all \
        --loss cross-entropy --lr 2e-3 --schedule cosine --warmup 0.1 --epochs 8 --batch-size 16
}

inputs_score() {
    printf '%s\n' "$results"/{generated,baselines} "${references[@]}" "${cues[@]}" eval "${ground[@]}" src/whyser/evidence
}
outputs_score() { printf '%s\n' "$results"/{scores.json,samples.jsonl}; }
stage_score() {
    local name predictions=() against=()
    for name in "${test_sets[@]}"; do
        whyser-eval join --manifest "$rows/$name.manifest.jsonl" --model "$run" \
            --predictions "$results/generated/$name/generated_predictions.jsonl" \
            --output "$results/predictions/$name.jsonl"
        predictions+=(--predictions "$results/predictions/$name.jsonl")
    done
    for name in "$results"/baselines/*/predictions.jsonl; do predictions+=(--predictions "$name"); done
    for name in "${references[@]}"; do against+=(--references "$name"); done
    # Compare what rationales claim about the voice with the measured cues.
    for name in "${cues[@]}"; do against+=(--cues "$name"); done
    whyser-eval score "${against[@]}" --split "$test_split" "${predictions[@]}" --wer --output "$results"
}

inputs_report() { printf '%s\n' "$results"/{scores.json,samples.jsonl} eval; }
outputs_report() { echo "$results/report.html"; }
stage_report() { whyser-eval report "$results"; }

# ---- the run --------------------------------------------------------------------------------

# Hashes the lines of its input: a file by its content, a folder by the name, size and time of each file
# in it, and any other line (a setting, the name of a checkpoint, a missing file) as text.
fingerprint() {
    local path
    while IFS= read -r path; do
        if [[ -d $path ]]; then
            echo "$path"
            find -L "$path" -type f -not -path '*/__pycache__/*' -printf '%P\t%s\t%T@\n' | LC_ALL=C sort
        elif [[ -f $path ]]; then
            sha256sum "$path"
        else
            echo "$path"
        fi
    done | sha256sum
}
stamp_of() { { declare -f "stage_$1"; "inputs_$1"; "outputs_$1"; } | fingerprint; }

main() {
    local forced=0 begun=$SECONDS began stage stamp
    mkdir -p "$data/.stages"
    for stage in "${STAGES[@]}"; do
        [[ $stage == "$from" ]] && forced=1
        stamp="$data/.stages/$stage"
        if ((!forced)) && [[ -f $stamp && $(<"$stamp") == "$(stamp_of "$stage")" ]]; then
            echo "== $stage: nothing changed, not repeated"
        else
            echo "== $stage"
            began=$SECONDS
            rm -f "$stamp"
            "stage_$stage"
            stamp_of "$stage" >"$stamp"
            echo "== $stage took $((SECONDS - began)) s"
        fi
        [[ $stage == "$to" ]] && break
    done
    echo "== done in $((SECONDS - begun)) s"
    [[ ! -f $results/report.html ]] || echo "Open $results/report.html in a browser."
}

# Bash reads a script while it runs it. As one line, this call is safe if the script is edited.
main; exit
