"""The gateway's door: HTTP on one port, inference answered here, all else passed on to control.

Read in this order: limits, framing (what a head must be), request, answers (bytes of an answer), connection (the
protocol on the socket), paths (what a path asks), door (inference), describe (what is served), pass_on (control),
metrics, site (which of them a request goes to).
"""
