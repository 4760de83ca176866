"""cnntrain: one YAML file in, a trained, checked, explainable network out.

The map of the house. A module imports only from rows above its own, and inside a folder no two
modules import each other, directly or through others; ``tests/test_layering.py`` keeps it so.

    row  module                   what it holds
    ---  -----------------------  ---------------------------------------------------------------
    0    errors types rng         exceptions and exit codes; array types; random streams;
         registry environment     kinds by name; what a run ran on;
         text                     numbers and durations in words
    1    files ops                files written whole; arithmetic that several layers share
    2    layers losses            one file per member of a family, forward and backward side by
         optimizers metrics       side; schedules are among the optimizers, initializers among
         data                     the layers, sources in the data
    3    network                  a graph of layers: shapes, arrays, forward, backward, objective
    4    config                   YAML -> frozen plan, errors with their place
    5    training                 plan and state -> stream of events
    6    runs                     events -> files and terminal; checkpoints, locks, signals
    7    diagnostics              numerical proof of gradients; what goes wrong; where time goes
    8    views                    networks, steps and runs to look at: explain, trace, report
    9    commands                 what each command does, without the command line
    10   cli                      click, one short file per command; no logic

Data flows one way: ``config`` turns text into frozen values, ``network`` turns values into shapes
and arrays, ``training`` yields events, ``runs`` consumes them.
"""

__version__ = "0.2.0"
