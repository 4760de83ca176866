"""cnntrain: one YAML file in, a trained, checked, explainable network out.

The map of the house. A module imports only from rows above its own; ``tests/test_layering.py``
keeps it so.

    row  module                       what it holds
    ---  ---------------------------  -----------------------------------------------------------
    0    errors types rng             exceptions and exit codes; array types; random streams
    1    registry files signals       kinds by name; atomic files; asking a run to stop;
         environment                  what a run ran on
    2    ops init lock                arithmetic several layers share; initialisers; one writer
    3    layers losses optimizers     one file per member of a family, forward and backward
         schedules metrics data       side by side;
         runs                         the folders of runs and what lies in them
    4    layout scores                who reads whom, with all shapes; metrics to choose from
    5    network                      a graph of layers: arrays, forward, backward
    6    objective shards             loss plus penalty; cutting and summing batches;
         reorder                      the same network in an order that costs less
    7    gradcheck config             numerical proof; YAML -> frozen plan
    8    memory                       what a training will take
    9    experiment                   plan -> network and data, checked to fit
    10   state evaluate probe         what training remembers; figures of a split; of a step
    11   update feed divergence       gradients -> new weights; the samples of each step; what is
                                      not finite
    12   step                         one batch: shards, sums, update
    13   train timing                 experiment and state -> stream of events; where time goes
    14   checkpoint wording selftest  state <-> one .npz file; events in words; what goes wrong
    15   runfolder console            events -> files; events -> lines for a person;
         tensorboard inspect          events -> TensorBoard; networks and steps to look at
    16   jobs                         what each command does
    17   cli                          click, one short file per command; no logic

Data flows one way: ``config`` turns text into frozen values, ``network`` turns values into shapes
and arrays, ``train`` yields events, ``runfolder`` and ``console`` consume them.
"""

__version__ = "0.1.0"
