"""The command line `bms`. Read main, connection, command (how one is declared), then any file of `commands`.

A command is loaded only when it is used. `options` has what several commands take, `predict` the command of that name,
`pages` what is shown of one thing, `output` how anything is printed, `demo` the demonstration.
"""
