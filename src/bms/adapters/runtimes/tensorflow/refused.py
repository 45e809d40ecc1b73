"""Lists the operations of a TensorFlow graph that are refused before it is loaded, and why.

A graph is a program. What it may do here is compute: an operation that reaches files, the network or Python is refused
wherever it stands, also in functions that nothing seems to call. Saving and restoring variables is part of every
SavedModel; it is refused where a signature, or what runs at loading, would reach it.
"""

import re
from collections.abc import Iterator

from bms.adapters.runtimes.tensorflow.file import GraphNode, MetaGraph

_FILES = "it reads or writes files"
REFUSED: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), reason)
    for pattern, reason in (
        (r"(Read|Write)File|MatchingFiles|ImmutableConst|FileSystemSetConfiguration", _FILES),
        (r"(\w*Reader|Reader\w+)(V2)?", _FILES),
        (r"(GenerateVocabRemapping|LoadAndRemapMatrix|SdcaFprint\w*|CheckpointExists)", _FILES),
        (r"(TextLine|TFRecord|FixedLengthRecord|Sql|CSV|LMDB|SSTable|MatchingFiles)Dataset(V\d)?", _FILES),
        (r"(Snapshot|Save|Load|Cache|DistributedSave)Dataset(V\d)?|(SaveDatasetV2|DistributedSave)", _FILES),
        (r"Experimental\w*Dataset(V\d)?", _FILES),
        (r"(Create)?Summary\w*|\w+Summary(V2)?|ImportEvent|Write\w*Summary", "it writes summary files"),
        (r"Debug\w*", "it writes what it sees to files or addresses"),
        (r"(Eager)?PyFunc(Stateless)?", "it calls Python functions of the process that saved it"),
        (r"\w*DataService\w*|\w*Rpc\w*|RPC|BigQuery\w*|RemoteCall|RemoteFusedGraphExecute", "it uses the network"),
        (r"_?(Send|Recv|HostSend|HostRecv)|Collective\w*|ConfigureDistributed\w*", "it uses other processes"),
        (r"LoadLibrary|TensorRT\w*|TRTEngineOp|XlaCustomCall\w*|Xla\w*CustomCall\w*", "it runs native code of its own"),
        (r"Abort", "it ends the process"),
    )
)
CHECKPOINTS = re.compile(r"(Save|Restore)(V2|Slices?)?|MergeV2Checkpoints|ShardedFilename")
_TABLE_FROM_FILE = re.compile(r"InitializeTableFromTextFile(V2)?")
_MAIN = ""


def refusals(graph: MetaGraph) -> Iterator[str]:
    """The refused operations, a sentence for each."""
    for where, nodes in ((_MAIN, graph.nodes), *graph.functions.items()):
        place = f" in function {where!r}" if where else ""
        for node in nodes:
            if reason := _reason(node):
                yield f"{node.operator} ({node.name!r}{place}): {reason}"
            elif _TABLE_FROM_FILE.fullmatch(node.operator) and not _of_asset(node, nodes, where, graph):
                yield f"{node.operator} ({node.name!r}{place}): it reads a file that is no asset of the artifact"
    for node in _reached(graph):
        if CHECKPOINTS.fullmatch(node.operator):
            yield f"{node.operator} ({node.name!r}): it reads or writes files when the model is loaded or run"


def _reason(node: GraphNode) -> str | None:
    if node.operator == "PrintV2" and node.texts.get("output_stream", "stderr").startswith("file:"):
        return _FILES
    return next((reason for pattern, reason in REFUSED if pattern.fullmatch(node.operator)), None)


def _of_asset(table: GraphNode, nodes: tuple[GraphNode, ...], where: str, graph: MetaGraph) -> bool:
    """Whether the name of its file is an asset, or is handed to the function, by which assets come."""
    if not graph.assets or len(table.inputs) < 2:
        return False
    name = table.inputs[1].partition(":")[0]
    if where == _MAIN:
        return name in {tensor.partition(":")[0] for tensor in graph.assets}
    return name not in {node.name for node in nodes}


def _reached(graph: MetaGraph) -> Iterator[GraphNode]:
    """The nodes that signatures compute, and those that loading runs, functions included."""
    by_name = {node.name: node for node in graph.nodes}
    ends = {info.tensor for one in graph.signatures.values() for info in one.outputs.values()} | graph.starting_nodes
    waiting = [_node_name(end) for end in ends]
    seen: set[str] = set()
    called = list(graph.object_functions)
    while waiting:
        name = waiting.pop()
        if name not in seen and name in by_name:
            seen.add(name)
            node = by_name[name]
            yield node
            waiting += map(_node_name, node.inputs)
            called += [*node.calls, node.operator]
    done: set[str] = set()
    while called:
        function = called.pop()
        if function not in done and function in graph.functions:
            done.add(function)
            for node in graph.functions[function]:
                yield node
                called += [*node.calls, node.operator]


def _node_name(tensor: str) -> str:
    return tensor.lstrip("^").partition(":")[0]
