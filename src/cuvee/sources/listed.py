"""The formats, one line each."""

METHODS = {
    "parquet": "cuvee.sources.parquet:Parquet",
    "jsonl": "cuvee.sources.jsonl:Jsonl",
    "arrow": "cuvee.sources.arrow:Arrow",
    "csv": "cuvee.sources.csv:Csv",
    "text": "cuvee.sources.text:Text",
    "folder": "cuvee.sources.folder:Folder",
    "saved": "cuvee.sources.saved:Saved",
    "memory": "cuvee.sources.memory:Memory",
    "npz": "cuvee.sources.npz:Npz",
    "table": "cuvee.sources.table:Table",
}
