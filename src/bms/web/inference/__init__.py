"""The gateway's door: HTTP on one port, inference answered here, all else passed on to control.

Read in this order: limits, framing (what a head must be), request, reader (bytes to requests), answers (an answer's
bytes), connection (order on one socket), paths (what a path asks), door and exchange (inference), describe (what is
served), pass_on (control), metrics, turn (the books before the answers), site (which of them a request goes to).
"""
