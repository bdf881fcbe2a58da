"""`whyser-eval listen`: a local page for one's own voice.

It is a page of our own and not gradio's, which loads fonts and scripts from the network and sends
telemetry unless it is told not to, whose parts cannot mark a rationale as our reports do, and which
comes with the extra `train`: whoever asks an endpoint needs none of it. `server` answers the
browser, and `examples` speaks with the demo's voices; the page is in `whyser_eval.asking`.
"""
