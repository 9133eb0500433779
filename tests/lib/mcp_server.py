#!/usr/bin/python3
"""A server of the Model Context Protocol on stdio, in place of one that npx would fetch: its one tool, "prove", says
whether it runs behind the filter."""
import json
import subprocess
import sys


def result_of(request):
    if request["method"] == "initialize":
        return {"protocolVersion": request["params"]["protocolVersion"], "capabilities": {"tools": {}},
                "serverInfo": {"name": "prove", "version": " ".join(sys.argv[1:])}}
    if request["method"] == "tools/list":
        return {"tools": [{"name": "prove", "inputSchema": {"type": "object"}}]}
    said = subprocess.run(["/usr/local/bin/prove"], capture_output=True, text=True, check=False).stdout
    return {"content": [{"type": "text", "text": said}]}


for line in sys.stdin:
    asked = json.loads(line)
    if "id" in asked:
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result_of(asked)}), flush=True)
