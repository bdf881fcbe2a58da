"""`whyser-eval listen`: a local page for one's own voice.

The page does not use gradio, for three reasons. Gradio loads fonts and scripts from the network,
and sends telemetry by default. Its parts cannot mark a rationale as our reports do. It comes with
the extra `train`, which nobody needs who asks an endpoint. `server` answers the browser, and
`examples` speaks with the demo's voices; the page is in `whyser_eval.asking`.
"""
