"""`whyser-eval ask` and `listen`: one clip, the model's answer, and what the sound says to it.

`clips` reads a sound and refuses what nobody could answer about, `systems` asks the model,
`references` compares the voice, and `answers` puts them together. `terminal` and `report` show
answers, and `listen` is the page for one's own voice.
"""
