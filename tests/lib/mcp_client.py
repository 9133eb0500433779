"""mcp_client.py COMMAND [ARGUMENT...]: starts a server of the Model Context Protocol as clients do, calls its tool
"prove", and prints what that says. Anything on its output that is no answer, or anything on its standard error, is a
failure."""
import json
import subprocess
import sys

server = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ask(number, method, params):
    server.stdin.write(json.dumps({"jsonrpc": "2.0", "id": number, "method": method, "params": params}) + "\n")
    server.stdin.flush()
    answer = json.loads(server.stdout.readline())
    assert answer["id"] == number, answer
    return answer["result"]


hello = ask(1, "initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}})
assert hello["serverInfo"]["version"].startswith("-y @modelcontextprotocol/"), hello
assert ask(2, "tools/list", {})["tools"][0]["name"] == "prove"
print(ask(3, "tools/call", {"name": "prove", "arguments": {}})["content"][0]["text"], end="")
server.stdin.close()
rest, errors = server.stdout.read(), server.stderr.read()
assert (server.wait(), rest, errors) == (0, "", ""), (server.returncode, rest, errors)
