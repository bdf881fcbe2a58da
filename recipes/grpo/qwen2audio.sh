#!/usr/bin/env bash
# Experimental: GRPO on Qwen2-Audio with the rewards of whyser.rewards, by ms-swift.
#
# Reproduces   no row of the paper. Two steps were run on a CPU, with the demo's tiny model (ms-swift
#              4.6.0, trl 0.26.2, transformers 4.57.6); the 7B model was never trained with it.
# Environment  one of its own, because ms-swift and LLaMA-Factory need different libraries:
#                  python3.11 -m venv .venv-swift
#                  .venv-swift/bin/pip install 'ms-swift==4.6.*' 'trl>=0.26,<0.27' \
#                      'transformers>=4.57,<5' librosa .
#              ms-swift warns that Qwen2-Audio needs a transformers below 4.49; its GRPO needs a trl
#              that needs a newer one, and the two steps ran with that.
# Hardware     one GPU with 80 GB, by our estimate: 16 GB of weights, and the activations of eight
#              answers of 512 tokens, each with up to 750 tokens of sound.
# Data         whyser-convert grpo .../utterances.jsonl --cues .../cues.jsonl \
#                  --output data/grpo/whyser_train
# Start model  row 11, merged: llamafactory-cli export llamafactory_configs/qwen2audio/lora_export.yaml
#              A model that never learnt Eq. 1 gets no reward to climb.
# Launch       source .venv-swift/bin/activate; recipes/grpo/qwen2audio.sh
# Override     MODEL=... DATA=... OUTPUT=... recipes/grpo/qwen2audio.sh --learning_rate 5e-7
#              What follows the script goes to `swift rlhf`, and the last value of an option counts.
# Then         swift export --adapters OUTPUT/.../checkpoint-N --merge_lora true, and serve and score
#              it like any other system: docs/serving.md, docs/predict.md.
# Ours         are every value; only LoRA's rank and targets are row 11's. See docs/rewards.md.
set -euo pipefail
cd "$(dirname "$0")/../.."

arguments=(
    --rlhf_type grpo
    --model "${MODEL:-saves/qwen2audio_lora_sft_reason_merged}"
    --model_type qwen2_audio
    # LLaMA-Factory's prompt, and our rewards.
    --template whyser_qwen2_audio
    --external_plugins recipes/grpo/plugin.py recipes/grpo/prompt.py
    --reward_funcs whyser
    --dataset "${DATA:-data/grpo/whyser_train.jsonl}"
    # The rewards need the other columns.
    --remove_unused_columns false
    --split_dataset_ratio 0
    --output_dir "${OUTPUT:-saves/qwen2audio_grpo}"

    --tuner_type lora
    --lora_rank 8
    --lora_alpha 16
    # Bare names would put LoRA into the audio encoder too, whose projections have the same names.
    --target_regex '^language_model\.(.*\.)?(q_proj|k_proj|v_proj|o_proj|lm_head)$'
    --torch_dtype bfloat16

    # Eight answers to each clip; a step takes four clips.
    --num_generations 8
    --per_device_train_batch_size 8
    --gradient_accumulation_steps 4
    --max_completion_length 512
    --temperature 1.0
    # Weak, so that the answers may leave the teacher's claims, and not 0, so that they stay readable.
    --beta 0.02
    --learning_rate 1e-6
    --lr_scheduler_type cosine
    --warmup_ratio 0.05
    --max_steps 1000

    --logging_steps 5
    --save_steps 100
    --save_total_limit 3
    --log_completions true
    --report_to tensorboard
    --seed 0
)
# With vLLM in the same environment:
#   --use_vllm true --vllm_mode colocate --vllm_gpu_memory_utilization 0.4 --vllm_max_model_len 2048
exec swift rlhf "${arguments[@]}" "$@"
