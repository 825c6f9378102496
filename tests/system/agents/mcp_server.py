"""A server of the Model Context Protocol with one tool, in plain JSON."""

import json
import os
import sys
from pathlib import Path

Path(sys.argv[1]).write_text(os.environ.get("ISSUES_TOKEN", ""))
for line in sys.stdin:
    request = json.loads(line)
    match request.get("method"):
        case "initialize":
            result = {
                "protocolVersion": request["params"]["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "issues", "version": "1"},
            }
        case "tools/list":
            schema = {"type": "object", "properties": {}}
            result = {
                "tools": [{"name": "list_issues", "description": "All.", "inputSchema": schema}]
            }
        case _:
            result = {}
    if "id" in request:
        print(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}), flush=True)
