"""cnntrain: one YAML file in, a trained, checked, explainable network out.

Module map: a module imports only from rows above its own, and no two modules of a folder import
each other, directly or indirectly; ``tests/test_layering.py`` enforces both.

    row  module                   what it holds
    ---  -----------------------  ---------------------------------------------------------------
    0    errors types rng         exceptions and exit codes; array types; random streams;
         registry environment     kinds by name; hardware and versions;
         text                     numbers and durations as text
    1    files native             atomic file writes; the compiled engine
    2    ops                      arithmetic shared by several layers
    3    layers losses            one file per member of a family, forward next to backward;
         optimizers metrics       schedules are with the optimizers, initializers with the
         data                     layers, sources with the data
    4    network                  a graph of layers: shapes, arrays, forward, backward, objective
    5    config                   YAML -> frozen plan; errors with line and column
    6    training                 plan and state -> stream of events
    7    runs                     events -> files and terminal; checkpoints, locks, signals;
         diagnostics              gradient checking, self-test, timing
    8    views                    networks, steps and runs made visible: explain, trace, report
    9    commands                 the commands, independent of the command line
    10   cli                      click, one short file per command; no logic

Data flows one way: ``config`` turns text into frozen values, ``network`` turns values into shapes
and arrays, ``training`` yields events, ``runs`` consumes them.
"""

__version__ = "0.2.0"
